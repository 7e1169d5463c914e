"""The sets of scopes that operations accept: one of them is enough."""

from simsim.management_tokens.models import Scope

READ = frozenset({Scope.READ})
TOKENS = frozenset({Scope.TOKENS})
PEOPLE = frozenset({Scope.PEOPLE})
PEOPLE_OR_OPERATOR = frozenset({Scope.PEOPLE, Scope.OPERATOR})
READ_OR_OPERATOR = frozenset({Scope.READ, Scope.OPERATOR})
OPERATOR_ONLY = frozenset({Scope.OPERATOR})
