"""The matching engine: who is who, by Fellegi-Sunter weights learnt without labels. Pure: no Django, no database, no files.

Both halves use it: `manage.py link` over whole files, and the live flow over one record and its candidates. What it works
out is the same for both, to the bit.

    prepare.Prepared, prepare.prepare(raw, reading)    a record's raw values -> field -> prepared spellings (only text: it
    can be sealed) prepare.Reading                                    how a body of data is written; part of a model
    table.build(columns), table.Table.of(records)      whole columns, or a few records, as columns of codes
    blocking.parts_of(fields), blocking.block(codes)   what blocking keys are made of; all pairs that share one
    training.train(table) -> Trained                   a model, without labels; labels.stage(...) adds what people decided
    model.Model, .to_json(), .from_json()              what was learnt, as data
    scoring.score(model, a, b) -> Match                with the waterfall; symmetric. score_many, Scorer: many at once
    partition.partition(size, left, right, p, ...)     clusters of a whole file or of one component
    linking.link(table) -> Linked                      all of it: `manage.py link`
"""
