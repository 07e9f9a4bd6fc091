"""Words of clinical notes that look like names, or are names but of no person in the room."""

from __future__ import annotations

import re

EPONYM_NOUNS = (
    r"(?:disease|syndrome|sign|test|palsy|lymphoma|sarcoma|tumou?r|catheter|score|scale|criteria"
    r"|classification|maneu?ver|procedure|operation|phenomenon|reflex|stain|anemia|esophagus"
    r"|fracture"
    r"|ulcer|nodes?|bodies|cells?|point|triad|thyroiditis|contracture|chorea|dystrophy|disorder"
    r"|tube|drain|line|clamp|retractor|position|method|index|curve|solution|lactate|ligament"
    r"|granulomatosis|arteritis|encephalopathy|psychosis|ataxia|nephropathy|neuropathy|malformation"
    r"|hernia|gland|canal|dementia|parkinsonism|waves?|lines?|spots?|nodules?|rhythm|block|stage"
    r"|grade|formula|equation|protocol|incision|approach|repair|fundoplication|pouch|bypass|shunt"
    r"|cyst|angina|edema|purpura|nevus|melanosis|agar|units?|respirations?|breathing|exercises?"
    r"|staging|lesion|deformity|phenomena|hematoma|aphasia|area|gait|tremor|nail|boot|splint|brace"
    r"|collar|bandage|speculum|forceps|needle|pump|inhaler|regimen|therapy|collaborative)"
)
"""What a name before makes an eponym of: Parkinson disease, Foley catheter, Apgar score."""

EPONYMS = frozenset(
    """
    parkinson parkinsons alzheimer alzheimers crohn crohns hodgkin hodgkins down downs graves
    hashimoto hashimotos addison addisons cushing cushings bell bells raynaud raynauds huntington
    huntingtons tourette tourettes marfan turner klinefelter wilson wilsons paget pagets barrett
    barretts meniere menieres babinski romberg murphy murphys mcburney rovsing kernig brudzinski
    homans phalen tinel lachman foley swan ganz hickman broviac kocher apgar glasgow gleason norton
    braden ranson child pugh wells duke virchow charcot dupuytren dupuytrens baker bakers colles
    zenker kaposi kaposis ewing ewings wilms burkitt kawasaki takayasu wegener wegeners sjogren
    sjogrens behcet behcets reiter epstein barr coombs gram giemsa ringer ringers trendelenburg
    fowler fowlers valsalva heimlich billroth whipple nissen roux kegel kegels guillain barre
    lewy korsakoff wernicke broca cheyne stokes kussmaul korotkoff lou gehrig gehrigs osgood
    schlatter legg perthes sever asperger aspergers rett angelman prader willi noonan fabry gaucher
    pompe hurler von willebrand henoch schonlein goodpasture alport berger conn bartter gitelman
    mobitz wolff white hirschsprung meckel mallory weiss boerhaave caroli gilbert dubin johnson
    rotor budd chiari peyronie cowper skene bartholin nabothian pap papanicolaou bishop leopold
    braxton hicks montgomery chadwick hegar cullen grey osler janeway roth heberden heberdens
    bouchard bouchards still felty caplan pott potts scheuermann schmorl sprengel salter harris
    weber rinne snellen ishihara argyll robertson horner horners adie holmes bruns jackson todd
    rolando sylvius monro luschka magendie stevens steven likert karnofsky zubrod ann arbor dukes
    clark breslow bosniak fuhrman kellgren lawrence mallampati cormack lehane beck hamilton
    """.split()  # noqa: SIM905 - a list of words reads better than two hundred quoted strings
)

_COMMON = """
    patient patients pt pts male female man woman boy girl baby infant child adult gentleman
    lady history hx physical exam examination assessment plan impression findings diagnosis
    diagnoses chief complaint present illness past medical surgical family social review systems
    allergies allergy medications medication meds vital vitals signs labs laboratory imaging
    results course hospital clinic ward unit icu ed er emergency room floor bed department
    service team center health care nurse nursing doctor dr physician physicians provider
    providers surgeon attending resident intern fellow consultant pharmacist therapist
    cardiology neurology oncology surgery radiology pathology psychiatry pediatrics urology
    dermatology orthopedics medicine primary admitted admission discharged discharge transferred
    seen evaluated followed follow reports reported denies denied states stated complains
    complained presents presented notes noted endorses describes appears remains continues
    continue continued started stopped given received underwent tolerated ambulated requested
    called arrived returned returns brought lives living works worked smokes drinks takes took
    taking has had have is was are were be been being will today yesterday tomorrow tonight
    morning evening night week weeks month months year years day days daily weekly hour hours
    ago old normal abnormal stable acute chronic severe mild moderate left right upper lower
    bilateral anterior posterior lateral medial proximal distal soft tender nontender clear
    intact alert oriented awake well good fair poor positive negative absent pain fever chills
    nausea vomiting cough dyspnea chest heart lung lungs abdomen head neck back skin eye eyes
    ear ears nose throat mouth hand hands foot feet leg legs arm arms knee hip ankle shoulder
    wrist elbow spine brain liver kidney bowel bladder blood pressure rate pulse oxygen
    temperature weight height glucose sodium potassium creatinine hemoglobin platelets white
    count cancer diabetes mellitus type hypertension infection pneumonia sepsis stroke asthma
    copd anemia depression anxiety dementia failure disease syndrome disorder injury fracture
    wound ulcer mass lesion tumor biopsy scan mri ct xray x-ray ultrasound echo ekg ecg eeg cbc
    bmp cmp aspirin metformin insulin lisinopril atorvastatin heparin warfarin tylenol ibuprofen
    morphine penicillin amoxicillin vancomycin ceftriaxone prednisone albuterol furosemide
    metoprolol omeprazole gabapentin sertraline lasix zosyn lipitor norvasc ativan haldol
    coumadin plavix the a an and or but if then with without for from of in on at to by per as
    that this these those he she it they his her hers him their them its who whom which what
    when where why how not no yes my our your i we you me us do does did done can could may
    might must shall should would there here also now still only very more most much many some
    any all both each every other another such same own than too so just about after before
    during until while since because through over under between into onto out up down off again
    further once please see refer contact phone fax pager cell mobile home work office address
    email name names date time number record mrn dob ssn age sex gender race ethnicity status
    code full signed dictated transcribed electronically reviewed verified cc re subject note
    report letter summary page section consult consultation procedure operative progress
    daughter son wife husband mother father brother sister spouse partner parent parents mom dad
    friend neighbor caregiver guardian aunt uncle cousin grandmother grandfather grandson
    granddaughter niece nephew fiance monday tuesday wednesday thursday friday saturday sunday
    january february march april june july august september october november december spring
    summer fall winter mr mrs ms miss md rn np pa phd esq jr sr ii iii iv lpn lcsw mph facp facs
    dds pharmd american african asian caucasian hispanic black english spanish french german
    irish italian medicare medicaid insurance policy group account member street avenue road
    city state county increase increased decrease decreased improve improved worse worsening
    better resolved unchanged first second third last next new prior previous recent initial
    final one two three four five six seven eight nine ten thank thanks dear hello sincerely
    regards best wishes respectfully tolerating ambulating eating drinking sleeping walking
    resting doing feeling going coming staying wants needs agrees understands verbalizes
    consents refuses declines prefers asks tells says told asked spoke discussed explained
    informed notified counselled counseled advised instructed came come comes go goes went saw
    sees gave give gives made make makes let get gets got felt feel feels fell falls need needed
    help helped find found keep kept run ran sat sit stood stand tell thought think knew know
    moved move walk talk talked slept eat ate drink drank lying standing sitting awoke woke
    woken tried try using used use uses via like likes able likely unable aware fully partially
    slightly otherwise however therefore although though despite due noting pending awaiting
    """

COMMON_WORDS = frozenset(_COMMON.split()) | {"hospice", "rehab", "snf", "pcp", "nok", "poa"}
"""Never a name when written in lower case, nor at the beginning of a sentence."""

_FOLLOWED = re.compile(rf"(?:['’]s?)?(?:[- ](?:\w+[- ]){{0,2}}?){EPONYM_NOUNS}\b", re.IGNORECASE)


def is_eponym(text: str, begin: int, end: int) -> bool:
    """Whether a name at a place is that of a disease, sign, score or instrument."""
    last = re.split(r"[\s-]", text[begin:end])[-1].lower().rstrip("s").rstrip("'’")
    known = last in EPONYMS or f"{last}s" in EPONYMS
    before = text[max(0, begin - 12) : begin].lower()
    if re.search(r"\b(?:dr|mr|mrs|ms|prof)\.? $", before):
        return False
    if text[end : end + 2].lower() in ("'s", "’s") and known:
        return True
    return known and _FOLLOWED.match(text, end) is not None
