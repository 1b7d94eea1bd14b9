"""The demo: a real grocer's year, told by four systems that do not agree on who is who.

The input data are made here, without Django and without a clock, the same for the same (households, seed, anchor):

    grocer.py    what was bought: the Complete Journey set, one row a basket
    people.py    who stands behind each household: invented persons, seeded
    plans.py     which system knows which person, and by what
    mess.py      what clerks, forms and years do to names, numbers and dates
    agreed.py    what each person agreed to, refused, withdrew or let expire
    crm.py, loyalty.py, till.py, webshop.py   the four systems' files
    truth.py     which record is whom, and what a matcher needs to find that out
    mappings.py  how a file's columns become events
    files.py     `write`: all of it into one folder

No name, number or mailbox is taken from a real person: names and addresses come from Faker, phones from the ranges kept
for fiction (555-0100 to 555-0199; Berlin 23125), mailboxes from reserved domains or of a form that the provider does
not hand out.
"""
