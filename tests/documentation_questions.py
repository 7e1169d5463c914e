"""What readers ask, in their own words, and the page of the documentation that answers."""

OPERATORS = [
    ("How do I install Simsim?", "operators/install"),
    ("Which settings are there?", "operators/settings"),
    ("Why does Simsim not start: SIMSIM_BASEURL is not a setting", "operators/settings"),
    ("configure TLS certificate with nginx", "operators/tls"),
    ("put Caddy with HTTPS in front of the console", "operators/tls"),
    ("use Traefik instead of simsim gateway", "operators/proxies"),
    ("envoy ext_authz", "operators/proxies"),
    ("kubernetes ingress", "operators/proxies"),
    ("How do I back up the database?", "operators/backup"),
    ("restore a backup", "operators/backup"),
    ("revoked tokens work again after a restore", "operators/backup"),
    ("What should I monitor?", "operators/health"),
    ("what does simsim doctor check", "operators/health"),
    ("reload settings without downtime", "operators/health"),
    ("the clock jumped", "operators/health"),
    ("emails are not delivered", "operators/mail"),
    ("retry an email that was given up", "operators/mail"),
    ("send the log to a SIEM", "operators/forwarding"),
    ("verify the signature of a webhook", "operators/forwarding"),
    ("PostgreSQL failover and standby", "operators/postgresql"),
    ("import many tokens at once", "operators/command-line"),
    ("exit status of a failed command", "operators/command-line"),
    ("what happens when the disk is full", "operators/install"),
    ("upgrade to a new version", "operators/install"),
    ("how many requests per second", "operators/capacity"),
    ("how much disk space does the log need", "operators/capacity"),
    ("why do callers get 503", "operators/troubleshooting"),
    ("nobody can sign in", "operators/troubleshooting"),
]
ADMINISTRATORS = [
    ("How do I create a token?", "administrators/tokens"),
    ("change the password of a token", "administrators/tokens"),
    ("restrict a token to IP addresses", "administrators/tokens"),
    ("invite a colleague", "administrators/people"),
    ("make someone an administrator", "administrators/people"),
    ("a member asks for a token", "administrators/people"),
    ("who gets an email when a token expires", "administrators/notices"),
    ("turn off notices", "administrators/notices"),
    ("is this email genuine or phishing?", "administrators/mails"),
    ("why was a request refused?", "administrators/logs"),
    ("export the log as CSV", "administrators/logs"),
    ("find unused tokens", "administrators/usage"),
    ("how many requests were made with each token", "administrators/usage"),
]
INTEGRATORS = [
    ("How do I call the API with curl?", "integrators/connect"),
    ("Python requests example", "integrators/connect"),
    ("connect Excel or Power BI", "integrators/connect"),
    ("import the Postman collection", "integrators/connect"),
    ("I get 401, what is wrong?", "integrators/connect"),
    ("what does 503 mean", "integrators/connect"),
    ("does WebSocket work", "integrators/connect"),
]
REFERENCE = [
    ("SIMSIM_TRUSTED_PROXIES", "reference/settings"),
    ("simsim token create options", "reference/commands"),
    ("urn:simsim:problem:conflict", "reference/problems"),
    ("unknown_credentials", "reference/reasons"),
]
OTHERS = [
    ("try it out on my own machine", "start/index"),
    ("report a vulnerability", "security/index"),
]
QUESTIONS = OPERATORS + ADMINISTRATORS + INTEGRATORS + REFERENCE + OTHERS
