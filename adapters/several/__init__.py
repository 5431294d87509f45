"""Several laboratories behind one: each experiment goes to one whose conditions it meets, and stays there.

Which laboratory has an attempt is on record before that laboratory hears of it, so whoever looks later, with another
object, asks the same one. A laboratory that cannot be reached keeps what it has until it comes back, and gets nothing
new where another can take it; the others go on.
"""

from adapters.several.laboratories import SeveralLaboratories
from adapters.several.members import Member, part_in
from adapters.several.options import PARTED, conditions_of

__all__ = ["PARTED", "Member", "SeveralLaboratories", "conditions_of", "part_in"]
