"""List what the lab's AD CS can be set to: settings of a CA, and what no source shows."""

from plugins.lab.switches import Switch

ADCS_SWITCHES = {
    "decision": Switch(
        "what becomes of a request: issued, left to a certificate manager (lab issue), or denied",
        ("issue", "manager", "deny"),
        "a setting of the template, not an unknown",
    ),
    "polls": Switch(
        "with decision=issue, how often a request is still under submission when it is asked for; 0 issues at once",
        (),
        "stands for the time that a certificate manager takes",
        number=0,
    ),
    "extended_protection": Switch(
        "whether a login must be bound to the TLS channel (Extended Protection for Authentication)",
        ("required", "off"),
        "a setting of IIS: required is what Microsoft advises, off what old servers have",
    ),
    "logins": Switch(
        "what the web server offers: all, or one way alone",
        ("all", "negotiate", "ntlm", "basic"),
        "a setting of IIS",
    ),
    "language": Switch(
        "language of the pages; the ids of their elements stay", ("en", "fr", "ru"), "a setting of the server"
    ),
    "status_page": Switch(
        "whether the page of a request that is not issued carries its disposition as a number, or an HRESULT alone",
        ("disposition", "code"),
        "the number was seen on a French CA, in part; no whole page was at hand",
    ),
}
