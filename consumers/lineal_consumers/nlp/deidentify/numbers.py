"""Numbers, addresses and codes in clinical texts that identify somebody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from lineal_consumers.nlp.deidentify.clinical_words import COMMON_WORDS, EPONYMS

_OF = r"(?:[ ]?(?:number|numbers|no|num|nr|id|ident(?:ifier)?|code|card)s?\b\.?)*"
_IS = r"(?:[ ]?(?:[:#=]|is|was|of)){0,2}[ \t]{0,4}#?"
_CODE = (
    r"(?P<value>(?=[A-Z0-9./-]*\d)[A-Z0-9](?:[A-Z0-9]|[./-](?=[A-Z0-9]*\d)"
    r"|[ ](?=\d{2,4}(?![\w/.-]))){2,30}(?!\w))"
)


def _labelled(kind: str, label: str, value: str = _CODE) -> tuple[str, re.Pattern[str]]:
    return kind, re.compile(rf"(?<![\w])(?:{label}){_OF}{_IS}{value}", re.IGNORECASE)


_PHONE = (
    r"(?P<value>(?:\+?1[-. ]{0,2})?(?:\(\d{3}\)[ ]?|\d{3}[-. ]{1,2})\d{3}[-. ]{1,2}\d{4}"
    r"(?:[ ,]{0,2}(?:x|ext\.?|extension)[ ]?\d{1,6})?"
    r"|\+\d{1,3}[ .-]?(?:\(?\d{1,4}\)?[ .-]?){2,5}\d{2,4}|\d{10}(?!\d)|\d{3}[-. ]\d{4}(?![\d-]))"
)
_PATTERNS = (
    ("EMAIL", re.compile(r"(?P<value>[\w.%+-]{1,64}@(?:[\w-]{1,63}\.){1,6}[a-z]{2,24})\b", re.I)),
    ("EMAIL", re.compile(r"(?P<value>[\w.-]{2,64} ?(?:\(at\)|\[at\]| at ) ?[\w-]{2,63}(?: ?(?:\."
                         r"|\(dot\)|\[dot\]| dot ) ?)(?:com|org|net|edu|gov))\b", re.I)),
    ("URL", re.compile(r"(?P<value>(?:https?://|ftp://"
                       r"|www\.)[^\s<>\"')\]]{3,300}[^\s<>\"')\].,;])", re.I)),
    ("URL", re.compile(r"(?<![\w@.])(?P<value>(?:[a-z0-9-]{2,40}\.){1,4}(?:com|org|net|edu|gov"
                       r"|io|info|health|care)(?:/[^\s,;)]*)?)(?!\w)", re.I)),
    ("IP", re.compile(r"(?<![\w.])(?P<value>(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]"
                      r"|2[0-4]\d|1?\d?\d))(?![\w.]\d?)")),
    ("IP", re.compile(r"(?<![\w:])(?P<value>(?:[0-9a-f]{1,4}:){3,7}(?::|[0-9a-f]{1,4})"
                      r"(?::[0-9a-f]{1,4})*)(?![\w:])", re.I)),
    ("SSN", re.compile(r"(?<![\w-])(?P<value>\d{3}[- ]\d{2}[- ]\d{4})(?![\w-])")),
    _labelled("SSN", r"ssn|s\.s\.n\.?|social security|soc(?:ial)? sec|social",
              r"(?P<value>(?:[x*]{3}[- ]?[x*]{2}[- ]?|\d{3}[- ]?\d{2}[- ]?)\d{4}(?!\d))"),
    _labelled("SSN", r"(?:ssn|social)[^.\n]{0,12}(?:last (?:4|four)|ending(?: in)?)",
              r"(?P<value>\d{4}(?!\d))"),
    _labelled("FAX", r"fax|facsimile|f(?=:)", _PHONE),
    _labelled("PHONE", r"phone|telephone|tel|cell(?:ular)?(?: phone)?|mobile|home|work|office|ph"
                       r"|p(?=:)|t(?=:)|c(?=:)|call(?:ed)?(?: (?:him|her|me|us|back))?(?: at)?"
                       r"|contact|reach(?:ed|able)?(?: at)?|dial|number|callback", _PHONE),
    _labelled("PHONE", r"pager|beeper|pgr|page|ext|extension|x(?=\d)|bleep",
              r"(?P<value>\d{3,7}(?:-\d{4})?(?!\d))"),
    ("PHONE", re.compile(r"(?<![\w+#/.,=$-])(?P<value>(?:\+?1[-. ]{0,2})?(?:\(\d{3}\)[ ]?"
                         r"|\d{3}[-. ])\d{3}[-. ]\d{4}(?:[ ,]{0,2}(?:x|ext\.?|extension)"
                         r"[ ]?\d{1,6})?)(?![\w-])", re.I)),
    ("PHONE", re.compile(r"(?<![\w/.,-])(?P<value>\d{3}-\d{4})(?![\w-]|\.\d)")),
    ("PHONE", re.compile(r"(?<![\w/.,-])(?P<value>\+\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,6})"
                         r"(?![\w-])")),
    _labelled("MRN", r"mrn|m\.r\.n\.?|mr(?=[ ]?#)|medical record|med rec|record|chart"
                     r"|patient(?=[ ]?(?:#|id|no|num))|pt(?=[ ]?(?:#|id))|hospital(?=[ ]?(?:#|no"
                     r"|num|id))|unit(?=[ ]?(?:#|no\b|num))|uhid|empi|csn|encounter|visit(?="
                     r"[ ]?(?:#|id|no|num))|fin|har"),
    _labelled("HEALTH_PLAN", r"(?:health )?(?:plan|insurance)(?=[ ]?(?:#|id|no|num|member|policy"
                             r"|:[ ]?[A-Z0-9-]*\d))|policy|member|subscriber|beneficiary"
                             r"|medicare|medicaid|hicn|mbi|group(?=[ ]?(?:#|id|no|num))|aetna"
                             r"|cigna|humana|bcbs|blue cross|tricare|payer"),
    _labelled("ACCOUNT", r"acct|account|invoice|billing|claim|iban|credit card|card|visa"
                         r"|check(?=[ ]?(?:#|no))|guarantor|routing"),
    _labelled("LICENSE", r"license|licence|lic|driver['’]?s? lic(?:ense)?|dl|certificate|cert"
                         r"|dea|npi|passport|registration|permit|badge|state id|upin"),
    ("VEHICLE", re.compile(r"\bplates?\b[ ]?(?:[:#]|number|no\.?|is|reads)?[ ]?"
                           r"(?P<value>[A-Z]{1,4}[ -]?\d{2,5}|\d{1,4}[ -]?[A-Z]{2,4}\d{0,3})"
                           r"(?!\w)", re.I)),
    _labelled("VEHICLE", r"vin|license plate|licence plate|plates?|tag(?=[ ]?(?:#|no|num))"
                         r"|vehicle|registration plate"),
    ("VEHICLE", re.compile(r"(?<!\w)(?P<value>(?=[A-Z0-9]*\d)"
                           r"(?=[A-Z0-9]*[A-Z])[A-HJ-NPR-Z0-9]{17})(?!\w)")),
    _labelled("DEVICE", r"serial|s/n|sn|ser|device(?=[ ]?(?:#|id|serial|no|num|:))|udi"
                        r"|implant(?=[ ]?(?:#|id|serial|no|num|:))|pacemaker(?=[ ]?(?:#|id"
                        r"|serial|no|num|:))|lot|model(?=[ ]?(?:#|no|num))|imei|mac(?: address)?"),
    ("DEVICE", re.compile(r"(?<!\w)(?P<value>(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2})(?!\w)", re.I)),
    ("DEVICE", re.compile(r"(?P<value>\(01\)\d{14}(?:\(\d{2}\)[\w]{1,20})*)")),
    _labelled("BIOMETRIC", r"finger ?prints?|voice ?prints?|retina(?:l)?(?: scan)?|iris(?: "
                           r"scan)?|biometric|palm ?print|face ?print"),
    _labelled("OTHER_ID", r"accession|acc(?=[ ]?#)|specimen|case(?=[ ]?(?:#|no|num|id|:))"
                          r"|order(?=[ ]?(?:#|no|num|id))|study(?=[ ]?(?:#|id|no|subject))"
                          r"|subject(?=[ ]?(?:#|id|no))|protocol(?=[ ]?(?:#|id|no))|employee"
                          r"|student|rx|prescription(?=[ ]?(?:#|no))|dictation|job|document"
                          r"|doc(?=[ ]?(?:#|id))|sample|barcode|trial|reference|ref|ticket"
                          r"|incident|inmate|military|service(?=[ ]?(?:#|no))|tax|user(?:name)?"
                          r"|login|user id|confirmation|d/t|prot|id"),
    ("OTHER_ID", re.compile(r"(?<![\w.])(?P<value>[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})"
                            r"(?!\w)", re.I)),
    ("OTHER_ID", re.compile(r"(?<![\w/.,$-])(?P<value>(?=[A-Z0-9-]*[A-Z])"
                            r"(?=(?:[A-Z-]*\d){4})[A-Z]{0,4}\d?[A-Z]{0,3}-?\d{2,}(?:-?[A-Z0-9]+)*)"
                            r"(?![\w/]|[.,]\d)")),
    ("OTHER_ID", re.compile(r"(?<![\w/.,$+#-])#?(?P<value>\d{6,})(?![\w/%]|[.,]\d|[ ]?(?:mg|ml"
                            r"|mcg|units?|iu|cells|copies|platelets|cfu|/))", re.I)),
    ("OTHER_ID", re.compile(r"#[ ]?(?P<value>[A-Z]{0,3}-?\d{4,}(?:-\d+)*)(?!\w)", re.I)),
)  # fmt: skip

_STATES = (
    "Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia"
    "|Hawaii"
    "|Idaho|Illinois|Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan"
    "|Minnesota|Mississippi|Missouri|Montana|Nebraska|Nevada|New Hampshire|New Jersey|New Mexico"
    "|New York|North Carolina|North Dakota|Ohio|Oklahoma|Oregon|Pennsylvania|Rhode Island"
    "|South Carolina|South Dakota|Tennessee|Texas|Utah|Vermont|Virginia|Washington|West Virginia"
    "|Wisconsin|Wyoming"
)
_STATE = (
    r"(?:A[LKZR]|C[AOT]|D[EC]|FL|GA|HI|I[DLNA]|K[SY]|LA|M[EDAINSOT]|N[EVHJMYCD]|O[HKR]|PA|RI|S[CD]"
    rf"|T[NX]|UT|V[TA]|W[AVIY]|PR|{_STATES})"
)
_PROPER = r"[^\W\d_a-zß-öø-ÿ][\w.'’-]*"
_CITY = rf"{_PROPER}(?:[ -](?:of|on|the|la|de|del|{_PROPER})){{0,3}}"
_STREET = (
    r"(?:street|st|avenue|ave|road|rd|drive|dr|lane|ln|boulevard|blvd|court|ct|circle|cir|way"
    r"|place|pl|terrace|ter|parkway|pkwy|highway|hwy|trail|trl|square|sq|loop|row|alley|plaza"
    r"|crescent|close|broadway|pike|turnpike|route|run|path|ridge|hollow|crossing|bend|commons)"
)
_PLACES = (
    re.compile(rf"(?P<value>(?<![\w.])\d{{1,6}}[A-Z]?[ ](?:[NSEW]\.?[ ])?"
               rf"(?:(?:[\w'’-]{{1,20}}|(?:[NSEW]|St|Mt|Ft)\.)[ ]){{1,4}}?"
               rf"{_STREET}\b\.?(?:[ ][NSEW]{{1,2}}\b)?(?:,?[ ](?:apt|apartment|suite"
               rf"|ste|unit|floor|#|lot)\.?[ ]?#?[\w-]{{1,6}})?)", re.I),
    re.compile(r"(?P<value>(?<!\w)p\.?[ ]?o\.?[ ]?box[ ]\d{1,6})", re.I),
    re.compile(r"(?P<value>(?<!\w)(?:apt|apartment|suite)\.?[ ]#?\d[\w-]{0,5})", re.I),
    re.compile(rf"(?P<value>{_CITY})(?=,[ ]?(?!(?:MD|PA|CT|OR|IN|ME)\b(?!\.?,?"
               rf"[ ]{{1,2}}\d{{5}})){_STATE}\b)"),
    re.compile(rf"(?<=[\w,] )(?:in|from|near|outside)"
               rf"[ ](?P<value>(?!(?:{_STATES})\b)[A-Z][a-z]{{3,}}(?:[ ][A-Z][a-z]{{2,}})?)"
               rf"(?![\w'’-])"),
    re.compile(rf"(?i:\b(?:lives|living|live|lived|resides|residing|resident|reside|moved|grew "
               rf"up|raised|born|native|relocated|travell?ed|visiting|visited|works|worked"
               rf"|employed|staying|homeless|immigrated|emigrated|home|house|apartment|shelter"
               rf"|vacation|returned|flew|trip)\b(?:[ ]\w+){{0,4}}?[ ](?:in|at|near|from|to|of"
               rf"|outside(?: of)?|around))[ ](?P<value>{_CITY})"),
    re.compile(r"\b(?i:lives|resides|living|residing|lived|moved)[ ](?i:alone[ ]|with[ ]\w+"
               r"[ ]\w*[ ]?)?(?i:in|to|near|from)[ ](?P<value>(?!(?:a|an|the|his|her|their|with"
               r"|alone|assisted|own)\b)[^\W\d_]{3,}(?:[ ](?!(?:with|and|for|since|alone|by"
               r"|near|but|where|has|is)\b)[^\W\d_]{3,})?)(?=[ .,;\n])"),
    re.compile(rf"\b(?i:of|from|in)[ ](?P<value>{_PROPER}(?:[ ]{_PROPER})?[ ](?:County|Parish"
               rf"|Township|Village|Borough))"),
    re.compile(r"(?P<value>(?:(?:St|Mt|Ft)\.[ ])?(?:[^\W\d_a-z][\w.'’&-]*[ ]|of[ ]|the"
               r"[ ]){0,4}[^\W\d_a-z][\w.'’-]*[ ](?:Hospital|Medical Center|Medical Centre|Clinic"
               r"|Infirmary|Sanatorium|Nursing Home|Rehabilitation Center|Rehab|Hospice|Health "
               r"System|Healthcare|Health Center|Memorial|Medical Group|Manor|Care Center"
               r"|Surgery Center|Cancer Center|Cancer Institute|Urgent Care|Pharmacy|High School"
               r"|Elementary School|Elementary|Middle School|University|College|Church|Shelter"
               r"|Village|Apartments|Associates))(?!\w)"),
    re.compile(r"\b(?i:employed (?:by|at|with)|works? (?:for|at)|working (?:for|at)|worked "
               r"(?:for|at)|employer(?: is)?:?|retired from)[ ](?P<value>(?:[A-Z][\w.'’&-]*)"
               r"(?:[ ](?:[A-Z][\w.'’&-]*|of|and|&)){0,4})"),
    re.compile(r"(?i:\b(?:county|city|town|address|birthplace|place of birth|hometown"
               r"|residence)[ ]?:[ ]?)(?P<value>[A-Z][\w.'’-]*(?:[ ][A-Z][\w.'’-]*){0,3})"),
)  # fmt: skip
_ZIP = re.compile(
    rf"(?:\b{_STATE}\.?,?[ ]{{1,2}}|\b(?i:zip(?: ?code)?|postal code)[ ]?:?[ ]?)(?P<zip>\d{{5}})"
    rf"(?:-\d{{4}})?(?!\w)"
)
_NOT_FACILITY = re.compile(
    r"^(?:the|our|this|a|an|outside|local|general|emergency|community|inpatient|outpatient|acute"
    r"|any"
    r"|in-patient|primary|hospice|in|at|to|from|each|home|day|skilled)\s", re.IGNORECASE
)  # fmt: skip


_COUNT = re.compile(
    r"\b(?:platelets?|plt|wbcs?|rbcs?|counts?|bnp|ferritin|ck|titer|load|copies|cells)\b\W{0,3}"
    r"(?:of |was |were |is |are |at )?$", re.IGNORECASE
)  # fmt: skip


class NumberFound(NamedTuple):
    """What identifies somebody, by its kind, and where it stands."""

    kind: str
    begin: int
    end: int


def find_numbers(text: str) -> Iterator[NumberFound]:
    """Numbers, codes, electronic and postal addresses; they may overlap."""
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            begin, end = match.span("value")
            value = text[begin:end]
            if kind in ("MRN", "OTHER_ID", "LICENSE", "ACCOUNT", "HEALTH_PLAN", "DEVICE"):
                if sum(map(str.isdigit, value)) < 3 or re.fullmatch(r"(?:19|20)\d\d", value):
                    continue
                if re.fullmatch(r"\d{1,2}/\d{1,2}(?:/\d{2,4})?", value):
                    continue
                if kind == "OTHER_ID" and _COUNT.search(text[max(0, begin - 24) : begin]):
                    continue
            yield NumberFound(kind, begin, end)
    for match in _ZIP.finditer(text):
        yield NumberFound("ZIP", match.start("zip"), match.end())
    for pattern in _PLACES:
        for match in pattern.finditer(text):
            begin, end = match.span("value")
            cut = _NOT_FACILITY.match(text[begin:end])
            while cut:
                begin += cut.end()
                cut = _NOT_FACILITY.match(text[begin:end])
            ordinary = text[begin:end].split()[0].lower() in COMMON_WORDS | EPONYMS
            if end - begin > 2 and not ordinary and not re.fullmatch(_STATE, text[begin:end]):
                yield NumberFound("PLACE", begin, end)
