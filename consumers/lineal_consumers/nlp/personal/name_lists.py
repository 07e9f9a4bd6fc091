"""Words to leave out of the lists of names, because they mostly mean something else."""

from __future__ import annotations

NOT_GIVEN_NAMES = frozenset(
    """
    will mark grant may june april august summer dawn hope faith grace joy rose art bill chase
    guy rich rob sue price major christian royal king prince santa china asia india america
    virginia georgia carolina dakota paris london jordan austin dallas houston madison jackson
    lincoln washington cleveland israel chad kenya florence milan sydney victoria charlotte
    savannah phoenix brooklyn chelsea orlando denver tyler salem santiago diego georgia
    montana holland german french love star stone forest sky river rain sunny merry happy
    early long young best man son house case page cash gold silver ruby pearl amber ivory jade
    crystal brand general justice judge pope saint angel genesis trinity easter winter noel
    sage basil ginger olive cherry berry candy honey dale glen cliff marina delta sierra
    savanna alexandria lance miles rowan reed hunter fisher mason carter parker cooper taylor
    marshall porter baker clay banks warren field fields worth north west east south park lane
    way ward dean duke earl baron rock sandy stormy misty windy precious treasure destiny
    harmony melody lyric charity constance prudence patience unity liberty america britain
    ireland scotland england wales francisco san los las new my the in on see an so do le la
    de al an ray pat bob buck bud drew chance trace cruise ford lexus mercedes porsche wells
    fargo morgan goldman chase merrill lynch ernst mercedes apple orange sun moon star man
    microsoft oracle ibm intel nokia sony dell cisco yahoo google texas florida maine nevada
    hong mona fannie freddie rosetta st sen colorado arizona alabama kansas ohio iowa cuba
    jamaica haiti chile peru panama dominican
    """.split()  # noqa: SIM905 - a list of words reads better than two hundred quoted strings
)
"""Given names that in running text are more often months, places, things or companies."""

PLACE_STARTS = frozenset(
    """
    san santa santo saint st st. los las el port fort new mount mt mt. lake north south east west
    cape camp baton corpus sao são rio puerto villa nova upper lower great little
    """.split()  # noqa: SIM905 - as above
)
"""What comes before a given name that names a place: San Diego, Port Elizabeth."""

NOT_FAMILY_NAMES = frozenset(
    """
    beach county city park street avenue road drive boulevard lane court square place bridge
    island islands river valley mountain mountains bay airport station hotel hospital school
    college university church cathedral center centre stadium arena museum library theater
    theatre house hall tower building plaza mall market bank group company corporation corp
    inc ltd llc trust fund foundation institute association society club team league cup prize
    award open tour series championship games olympics world national international american
    british european police army navy court law act bill news times post journal tribune
    herald press report reports magazine online web site day days week month year monday
    tuesday wednesday thursday friday saturday sunday january february march april may june
    july august september october november december spring summer autumn fall winter north
    south east west eastern western northern southern central and or the of in on at to for
    from with by as is was are were be has had have will would can could should may might must
    said says say told after before when while where who what why how that this these those it
    its he she his her they their we our you your not but if so than then there here up out
    over under into about against between through during since until new old first last next
    former president minister secretary chairman chief director manager officer senator
    governor mayor judge general captain coach professor doctor total subtotal tax due date
    number amount invoice order customer phone email fax address name page line item items
    description quantity price unit payment terms account balance statement statements
    department office government state states republic kingdom union party council committee
    commission agency authority ministry service services system systems software technologies
    technology computer computers electronics energy oil gas power motors motor air airlines
    airways industries partners holdings capital insurance financial securities stanley sachs
    lynch brothers entertainment pictures studios records media communications networks
    network mobile wireless pro plus max red white blue green black war peace battle hurricane
    typhoon storm cut software league conference town flies mission jury mae mac wins loses
    beats leads takes gets makes hits faces plans seeks wants gives puts sets grand prix no
    yes inn bowl region area district province
    """.split()  # noqa: SIM905 - as above
)
"""What is no family name, or makes what it follows the name of something other than a person."""
