"""`make demo`: a whole installation on this machine, with a sample account, a sample API and a mail catcher."""
