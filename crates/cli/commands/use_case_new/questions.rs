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

/// What comes next, once the record is written.
pub(super) const NEXT: Words = [
    "Hierna: beantwoord wat nog open is (draai deze opdracht opnieuw), doe de prescan, DPIA en IAMA en zet ze onder\n\
     [evidence], laat CIO en FG adviseren en de eigenaar besluiten (proeftuin use-case sign). Wat er nog ontbreekt, zegt:",
    "Next: answer what is still open (run this command again), do the pre-scan, DPIA and IAMA and enter them under\n\
     [evidence], have CIO and FG advise and the owner decide (proeftuin use-case sign). What is missing is told by:",
];
