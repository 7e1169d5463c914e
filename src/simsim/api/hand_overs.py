"""The links that hand a token over: which there are, and taking one back."""

from simsim.accounts.permissions import Permission
from simsim.api.calls import Call
from simsim.api.hand_over_documents import HandOverLink, HandOverList
from simsim.api.operation import operation
from simsim.api.responses import Answer
from simsim.api.scopes import READ, TOKENS
from simsim.api.tokens import TAG, TOKEN_PATH, token_in
from simsim.audit.events import Event
from simsim.tokens import hand_over, hand_over_links

HAND_OVERS_PATH = TOKEN_PATH + "/hand-over"


@operation(
    "GET", HAND_OVERS_PATH, tag=TAG, scopes=READ, permission=Permission.MANAGE_TOKENS, answer=HandOverList,
    audit="Reading which links there are shows no link.",
)  # fmt: skip
def list_hand_overs(call: Call, token_id: str) -> Answer:
    """List the latest links that hand a token over, newest first, with what became of them."""
    found = hand_over_links.hand_overs_of(token_in(call, token_id), actor=call.actor)
    items = [hand_over_links.document(each, now=call.now) for each in found]
    return Answer({"items": items, "next_cursor": None})


@operation(
    "POST", HAND_OVERS_PATH + "/{hand_over_id}/take-back", tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS,
    audit=Event.HAND_OVER_TAKEN_BACK, answer=HandOverLink,
)  # fmt: skip
def take_back_hand_over(call: Call, token_id: str, hand_over_id: str) -> Answer:
    """Take back a hand-over link, so that it shows nothing. A used or expired link stays as it is."""
    found = hand_over_links.find_hand_over(hand_over_id, actor=call.actor, token=token_in(call, token_id))
    ended = hand_over.take_back(actor=call.actor, hand_over=found, now=call.now)
    return Answer(hand_over_links.document(ended, now=call.now))
