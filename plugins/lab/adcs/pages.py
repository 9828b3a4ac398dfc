"""Write the pages of web enrolment: ids and structure as captured, words of our own, in three languages.

Browsers get the links of an issued certificate in a script, after one to the CA's own; other programs get them in
plain HTML. A page of a denied request carries a number too.
"""

from dataclasses import dataclass
from html import escape

WORDS = {
    "en": {
        "title": "Microsoft Active Directory Certificate Services",
        "issued": ("Certificate Issued", "The certificate that was asked for has been issued."),
        "pending": ("Certificate Pending", "The request has arrived; an administrator has to issue the certificate."),
        "denied": ("Certificate Request Denied", "The request was denied."),
        "error": ("Error", "Something went wrong."),
        "number": "The Request Id is {0}.",
        "why": 'The Request Id is {0}. The disposition message is "{1}".',
        "disposition": ("Disposition:", "Disposition message:", "(unknown)"),
        "waiting": "Taken Under Submission",
        "denied by": "Denied by {0}",
        "no template": "Denied by Policy Module  0x80094800, this CA does not offer the template: {0}.",
        "unreadable": "Error Parsing Request  ASN1 bad tag value met. 0x8009310b (ASN: 267)",
    },
    "fr": {
        "title": "Services de certificats Active Directory de Microsoft",
        "issued": ("Certificat émis", "Le certificat demandé a été émis."),
        "pending": ("Certificat en attente", "La demande est arrivée ; un administrateur doit émettre le certificat."),
        "denied": ("Demande de certificat refusée", "La demande a été refusée."),
        "error": ("Erreur", "Une erreur est survenue."),
        "number": "L’identificateur de la demande est {0}.",
        "why": "L’identificateur de la demande est {0}. Le message de disposition est « {1} ».",
        "disposition": ("Disposition :", "Message de disposition :", "(inconnu)"),
        "waiting": "Mise en attente",
        "denied by": "Refusé par {0}",
        "no template": "Refusé par le module de stratégie  0x80094800, modèle non pris en charge : {0}.",
        "unreadable": "Erreur d’analyse de la demande  0x8009310b (ASN: 267)",
    },
    "ru": {
        "title": "Службы сертификации Active Directory (Microsoft)",
        "issued": ("Сертификат выдан", "Запрошенный сертификат выдан."),
        "pending": ("Ожидание сертификата", "Запрос получен; администратор должен выдать сертификат."),
        "denied": ("Запрос отклонён", "Запрос сертификата отклонён."),
        "error": ("Ошибка", "Произошла ошибка."),
        "number": "Код запроса: {0}.",
        "why": "Код запроса: {0}. Сообщение о решении: «{1}».",
        "disposition": ("Решение:", "Сообщение о решении:", "(неизвестно)"),
        "waiting": "Принято к рассмотрению",
        "denied by": "Отклонено: {0}",
        "no template": "Отклонено модулем политики  0x80094800, шаблон не поддерживается: {0}.",
        "unreadable": "Ошибка разбора запроса  0x8009310b (ASN: 267)",
    },
}
"""What the pages say; keys are the same in each language."""

HEAD = """
<HTML>
<Head>
    <Meta HTTP-Equiv="Content-Type" Content="text/html; charset=UTF-8">
    <Title>{title}</Title>
</Head>
<Body BgColor=#FFFFFF><Font ID=locPageFont Face="Arial">
<Table Border=0 Width=100%><TR>
\t<TD><LocID ID=locMSCertSrv><Font Size=-1><B><I>{title}</I></B> &nbsp;--&nbsp; {ca} &nbsp;</Font></LocID></TD>
</TR></Table>

<P ID=locPageTitle> <B> {heading} </B>
"""

PLAIN_LINKS = """<P><Form Name=UIForm>
\t<A Href="certnew.cer?ReqID={number}&amp;Enc=bin"><LocID ID=locDerEnc1>DER</LocID></A>
\t<A Href="certnew.cer?ReqID={number}&amp;Enc=b64"><LocID ID=locB64Enc1>Base 64</LocID></A><BR>
\t<A Href="certnew.p7b?ReqID={number}&amp;Enc=bin"><LocID ID=locDerEnc2>DER</LocID></A>
\t<A Href="certnew.p7b?ReqID={number}&amp;Enc=b64"><LocID ID=locB64Enc2>Base 64</LocID></A>
</Form>
<P><A Href="certnew.cer?ReqID=CACert&amp;Renewal=0&amp;Mode=inst&amp;Enc=b64">CA</A>
"""

SCRIPT_LINKS = """<P><A Href="certnew.cer?ReqID=CACert&amp;Renewal=0&amp;Mode=inst&amp;Enc=b64">CA</A>
<Script Language="JavaScript">
\tfunction getEncoding() {{ return document.UIForm.rbDerEnc.checked ? "Enc=bin" : "Enc=b64"; }}
\tfunction getCert() {{ sCert="certnew.cer?ReqID={number}&"+getEncoding(); window.location=sCert; }}
\tfunction getChain() {{ sChain="certnew.p7b?ReqID={number}&"+getEncoding(); window.location=sChain; }}
</Script>
"""

DISPOSITION = """<DL>
\t<DT ID=locDispLabel><B>{0}</B></DT><DD>
\t\t{number} <LocID ID=locDispSpacer>-</LocID><LocID ID=locDispUnknown>{2}</LocID>
\t</DD>
\t<DT><B>{1}</B></DT><DD>
\t\t{said}
\t</DD>
</DL>
"""


@dataclass(frozen=True)
class Pages:
    """Write the pages of one CA, in one language; `numbered` has the status page name the disposition."""

    ca: str
    language: str = "en"
    numbered: bool = True

    def words(self, key: str, *values: object) -> str:
        """Return a text of this language, with values set in."""
        return str(WORDS[self.language][key]).format(*values)

    def issued(self, number: int, *, browser: bool) -> str:
        """Answer a submission that was issued at once."""
        links = (SCRIPT_LINKS if browser else PLAIN_LINKS).format(number=number)
        return self._page("issued", "<P ID=locInfo> {0}</P>\n" + links.replace("{", "{{").replace("}", "}}"))

    def pending(self, number: int) -> str:
        """Answer a submission that waits for a certificate manager."""
        told = escape(self.words("number", number), quote=False)
        return self._page("pending", f"<P ID=locInfoNewReq> {{0}} </P>\n\n<P ID=locInfoReqID>\n{told}\n</P>\n")

    def denied(self, number: int, why: str) -> str:
        """Answer a submission that was denied; it has a number all the same."""
        told = escape(self.words("why", number, why), quote=False).replace("{", "{{").replace("}", "}}")
        return self._page("denied", f"<P ID=locDenied> {{0}} </P>\n\n<P ID=locInfoReqIDandReason>\n{told}\n</P>\n")

    def status(self, disposition: int, said: str, code: int) -> str:
        """Say why there is no certificate under a number: its disposition, its message, its last status."""
        first, second, unknown = WORDS[self.language]["disposition"]
        shown = escape(said, quote=False)
        listed = DISPOSITION.format(first, second, unknown, number=disposition, said=shown) if self.numbered else ""
        told = f"{listed}<P>{'' if self.numbered else shown} 0x{code:08x}</P>\n"
        return self._page("error", "<P> {0}</P>\n" + told.replace("{", "{{").replace("}", "}}"))

    def home(self) -> str:
        """Greet whoever has logged in."""
        return self._page("error", "")

    def _page(self, kind: str, body: str) -> str:
        heading, sentence = WORDS[self.language][kind]
        head = HEAD.format(title=self.words("title"), ca=escape(self.ca), heading=heading)
        return f"{head}\n{body.format(sentence)}\n</Font>\n</Body>\n</HTML>\n"
