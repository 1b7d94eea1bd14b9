"""The matching engine: who is who, by Fellegi-Sunter weights learnt without labels. Pure: no Django, no database, no files.

Both halves use it: `manage.py link` over whole files, and the live flow over one record and its candidates. What it works out is
the same for both, to the bit. The functions and their types (the contract with the live half):

    Prepared                                    msgspec Struct, frozen: `values: dict[str, tuple[str, ...]]`, field -> prepared
                                                spellings. Only text: it can be sealed as MessagePack and read back.
    Reading                                     how a body of data is written: order of day and month, region of phone numbers, junk.
                                                Part of a model (`model.reading`).
    prepare(raw, reading=Reading()) -> Prepared raw: Mapping[kind, Sequence[str]], kinds of `KINDS` (`id` and `source` are not
                                                compared); `other:NAME` is a free column. Never raises for a bad value: it is left out.
    Key(rule: str, value: str)                  a blocking key. Two records are candidates when they share one. `value` is plain text
                                                of personal data: digest it before it is kept.
    keys(model, prepared, retired=frozenset()) -> list[Key]
                                                `retired` holds keys whose blocks grew too large: instead of such a key the finer
                                                ones of the same rule are given (a record without what the finer ones need gives none).
    Match(weight_bits: float, probability: float, parts: tuple[Part, ...])
    Part(field, level, bits, tf_bits)           one bar of the waterfall; the first is the prior (field "prior"). Bits add up to weight_bits.
    score(model, a, b) -> Match                 symmetric
    score_many(model, one, candidates) -> list[Match]
    train(table, ...) -> Model                  without labels; see `training.train`
    Model.to_json() -> bytes, Model.from_json(text) -> Model        `Unreadable` for what is no model
    partition(nodes, edges, ...) -> Partition   clusters of records, of a whole file or of one component; see `partition.partition`
"""
