//! What is asked for a new record, in plain words and in two languages.

/// Dutch and English.
pub(super) type Words = [&'static str; 2];

/// One question. Its key is the one of the record.
pub(super) struct Question {
    pub(super) key: &'static str,
    pub(super) ask: Words,
    /// What a good answer looks like.
    pub(super) help: Words,
}

/// Asked until they are answered: a record without them does not load.
pub(super) const NEEDED: &[Question] = &[
    Question {
        key: "title",
        ask: ["Hoe heet de toepassing?", "What is the use case called?"],
        help: [
            "Kort, zoals u haar tegen een collega noemt: \"Heldere brieven\".",
            "Short, as you would call it to a colleague: \"Plain letters\".",
        ],
    },
    Question {
        key: "purpose",
        ask: ["Waar is zij voor?", "What is it for?"],
        help: [
            "Eén of twee zinnen: wie doet wat met de antwoorden?",
            "A sentence or two: who does what with the answers?",
        ],
    },
    Question {
        key: "legal_basis",
        ask: ["Wat is de grondslag?", "What is the legal basis?"],
        help: [
            "Bijvoorbeeld: AVG art. 6 lid 1 onder e, met de wet waarin de taak staat.",
            "For instance: GDPR art. 6(1)(e), with the act that gives the task.",
        ],
    },
    Question {
        key: "organisation",
        ask: ["Welke organisatie is verantwoordelijk?", "Which organisation is responsible?"],
        help: [
            "De naam zoals die in het rooster van ondertekenaars staat.",
            "The name as it stands in the roster of signers.",
        ],
    },
    Question {
        key: "owner",
        ask: ["Wie is binnen de organisatie eigenaar?", "Who owns it within the organisation?"],
        help: [
            "Een functie, geen persoon: \"Hoofd Correspondentie\".",
            "A post, not a person: \"Head of Correspondence\".",
        ],
    },
    Question {
        key: "processing_activity_id",
        ask: [
            "Onder welk nummer staat zij in het register van verwerkingen?",
            "Which entry does it have in the register of processing activities?",
        ],
        help: [
            "Het nummer of adres van de regel (AVG art. 30).",
            "The number or address of the entry (GDPR art. 30).",
        ],
    },
];

/// May be left open; a pilot does not run until they are answered.
pub(super) const ACCOUNTABILITY: &[Question] = &[
    Question {
        key: "alternatives",
        ask: ["Wat had ook gekund, en waarom doet u dat niet?", "What else would serve, and why not that?"],
        help: ["Ook: niets doen, of zonder AI.", "Also: doing nothing, or doing it without AI."],
    },
    Question {
        key: "proportionality",
        ask: ["Waarom staat het middel in verhouding tot het doel?", "Why are the means in proportion?"],
        help: ["Waarom volstaat een lichter middel niet?", "Why will no lighter means do?"],
    },
    Question {
        key: "human_oversight",
        ask: [
            "Wie leest een antwoord voordat het gevolgen heeft?",
            "Who reads an answer before it has effect?",
        ],
        help: ["En wat kan die persoon eraan doen?", "And what can they do about it?"],
    },
    Question {
        key: "retention",
        ask: ["Hoe lang wordt wat bewaard?", "How long is what kept?"],
        help: [
            "Dit programma bewaart geen teksten, wel een logboek zonder inhoud.",
            "This program keeps no text; it keeps a log without content.",
        ],
    },
    Question {
        key: "exit_plan",
        ask: [
            "Hoe gaat het werk verder als de pilot eindigt?",
            "How does the work go on when the pilot ends?",
        ],
        help: ["Bijvoorbeeld: weer met de hand.", "For instance: by hand again."],
    },
    Question {
        key: "contact_email",
        ask: ["Naar welk adres mag het publiek schrijven?", "Which address may the public write to?"],
        help: ["Nodig voor het Algoritmeregister.", "Needed for the register of algorithms."],
    },
];

/// The same, answered by a list with commas.
pub(super) const LISTS: &[Question] = &[
    Question {
        key: "affected_groups",
        ask: ["Op wie hebben de antwoorden betrekking?", "Whom do the answers concern?"],
        help: ["Groepen, met komma's: burgers, medewerkers.", "Groups, with commas: citizens, staff."],
    },
    Question {
        key: "data_categories",
        ask: ["Welke soorten persoonsgegevens komen voor?", "Which categories of personal data may occur?"],
        help: ["Met komma's: namen, adressen; of: none.", "With commas: names, addresses; or: none."],
    },
];

/// Classes of data, lightest first, by the name in the record.
pub(super) const CLASSES: &[(&str, Words)] = &[
    ("none", ["geen persoonsgegevens", "no personal data"]),
    ("personal", ["persoonsgegevens", "personal data"]),
    ("identifier", ["ook nationale nummers, zoals het BSN", "national numbers too, such as the BSN"]),
    ("special", ["ook bijzondere persoonsgegevens (AVG art. 9)", "special categories too (GDPR art. 9)"]),
    ("criminal", ["ook strafrechtelijke gegevens (AVG art. 10)", "criminal data too (GDPR art. 10)"]),
];

/// From when on evaluations are needed, by the name in the record.
pub(super) const EVALUATIONS: &[(&str, Words)] = &[
    ("accepted", ["voordat zij na de pilot wordt geaccepteerd", "before it is accepted after its pilot"]),
    ("pilot", ["al voordat de pilot begint", "before its pilot begins"]),
    ("none", ["niet; dan kan zij niet worden geaccepteerd", "never; then it cannot be accepted"]),
];

/// Asked of a model of which something is closed or unknown.
pub(super) const MOTIVATION: Question = Question {
    key: "model_motivation",
    ask: [
        "Van dit model is het bovenstaande gesloten of onbekend; waarom wordt het toch gebruikt?",
        "Of this model the above is closed or unknown; why is it taken all the same?",
    ],
    help: ["Een pilot draait niet zolang dit open is.", "A pilot does not run while this is open."],
};

/// Who runs it, in the order of the policy's list.
pub(super) const OPERATORS: &[(&str, Words)] = &[
    ("organisation", ["uw organisatie zelf, op eigen machines", "your organisation, on machines of its own"]),
    ("suppliers", ["een of meer leveranciers, voor u", "one or more suppliers, for you"]),
];

/// What a supplier does, in the order of the policy's list.
pub(super) const SERVICES: &[(&str, Words)] = &[
    ("hosting", ["machines, of een plek daarvoor", "machines, or a place for them"]),
    ("operation", ["het programma draaien", "running the program"]),
    ("maintenance", ["het programma of de machines onderhouden", "maintaining the program or the machines"]),
    ("model", ["een model leveren onder eigen licentie", "delivering a model under its own licence"]),
    ("other", ["iets anders", "something else"]),
];

/// The terms of a contract, in the order of the policy's list.
pub(super) const TERMS: &[(&str, Words)] = &[
    ("arbit-2022", ["ARBIT 2022, de rijksvoorwaarden voor IT", "ARBIT 2022, the government's terms for IT"]),
    ("departmental", ["voorwaarden van uw departement", "terms of your department"]),
    ("gibit", ["GIBIT, de gemeentelijke voorwaarden voor IT", "GIBIT, the municipal terms for IT"]),
    ("other", ["andere voorwaarden", "other terms"]),
];

/// Whether there is a contract.
pub(super) const CONTRACT: [(&str, Words); 3] = [
    ("contract", ["ja", "yes"]),
    ("exception", ["nee, en daar is een reden voor: een uitzondering", "no, and for a reason: an exception"]),
    ("open", ["dat zoek ik uit; tot dan draait zij niet", "I shall find out; until then it does not run"]),
];

/// Whether there is a processing agreement.
pub(super) const PROCESSING: [(&str, Words); 3] = [
    ("agreement", ["ja (AVG art. 28)", "yes (GDPR art. 28)"]),
    ("none", ["niet nodig: de leverancier komt er niet bij", "not needed: the supplier comes near none"]),
    ("open", ["dat zoek ik uit; tot dan draait zij niet", "I shall find out; until then it does not run"]),
];

/// Why a supplier is an exception.
pub(super) const REASON: Question = Question {
    key: "motivation",
    ask: ["Waarom is dat zo?", "Why is that so?"],
    help: ["CIO, FG en eigenaar tekenen hiervoor.", "CIO, FG and owner sign for this."],
};

/// Who takes the exception.
pub(super) const TAKEN_BY: Question = Question {
    key: "by",
    ask: ["Wie neemt dat voor zijn rekening?", "Who takes that upon themselves?"],
    help: ["Een functie: \"CIO\".", "A post: \"CIO\"."],
};

/// What comes next, once the record is written.
pub(super) const NEXT: Words = [
    "Hierna: beantwoord wat nog open is (draai deze opdracht opnieuw), doe de prescan, DPIA en IAMA en zet ze onder\n\
     [evidence], laat CIO en FG adviseren en de eigenaar besluiten (proeftuin use-case sign). Wat er nog ontbreekt, zegt:",
    "Next: answer what is still open (run this command again), do the pre-scan, DPIA and IAMA and enter them under\n\
     [evidence], have CIO and FG advise and the owner decide (proeftuin use-case sign). What is missing is told by:",
];
