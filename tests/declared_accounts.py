"""Files for `simsim apply`: a number of accounts, each with two people and its notices."""

ACCOUNT = """\
- name: Customer #
  external_id: crm-#
  people:
  - {email: alice@customer-#.example, role: administrator}
  - {email: bob@customer-#.example, role: member}
  notices:
    as: alice@customer-#.example
    token_expired: administrators
    early_days: [14]
"""
CHANGES_OF_ONE = 5  # the account, two people, and two notices


def declared(number: int) -> str:
    """Return the text of a file that declares so many accounts."""
    return "accounts:\n" + "".join(ACCOUNT.replace("#", str(each)) for each in range(number))
