"""The chart of accounts, and between which two of them each event moves money. Pure.

A line is above zero where it is a debit and below where it is a credit; the lines of a posting add up to nothing. What
an organisation owes is the sum of its lines on `receivable`: below zero it is owed to them.
"""

RECEIVABLE, BANK, UNAPPLIED = "receivable", "bank", "unapplied"
DEFERRED, FEES, CREDITS = "deferred", "fees", "credits"
ACCOUNTS = [
    (RECEIVABLE, "Receivable from customers"),
    (BANK, "Bank"),
    (UNAPPLIED, "Money received that belongs to its sender"),
    (DEFERRED, "Deferred revenue: paid or due before delivery"),
    (FEES, "Revenue from fees"),
    (CREDITS, "Credits given to customers"),
]

# What stands against the receivable for each reason of a due (reservations/booking/money.py). A reason that is not here
# is a test's failure, not a silent line.
AGAINST = {
    "up_front": DEFERRED,
    "change": DEFERRED,
    "returned": DEFERRED,
    "lapsed": DEFERRED,
    "fee": FEES,
    "hold_fee": FEES,
    "late_payment": UNAPPLIED,
    "delay_credit": CREDITS,
    "long_stop": DEFERRED,
}
