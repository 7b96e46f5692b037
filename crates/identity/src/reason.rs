//! Why a token is not taken: a closed list, because nothing of the token may be said.

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $rule:literal, $remedy:literal, $remedy_nl:literal;)*) => {
        /// Why a token is refused. Counted, and told to the caller; never with a word of the token.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Reason { $($(#[$doc])* $variant,)* }

        impl Reason {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Id of the rule.
            #[must_use]
            pub fn rule(self) -> &'static str {
                match self { $(Self::$variant => $rule,)* }
            }

            /// What the caller can do, in English.
            #[must_use]
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)* }
            }

            /// The same in Dutch.
            #[must_use]
            pub fn remedy_nl(self) -> &'static str {
                match self { $(Self::$variant => $remedy_nl,)* }
            }
        }
    };
}

reasons! {
    /// The root keys do not vouch for the issuers and keys in the policy folder.
    NotApproved = "identity-not-approved",
        "no token is taken, since the roster does not name the issuers and keys of this server; the administrator \
         has it signed with their identity_sha256: proeftuin identity check",
        "er wordt geen token aangenomen, want het rooster noemt de uitgevers en sleutels van deze server niet; de \
         beheerder laat het ondertekenen met hun identity_sha256: proeftuin identity check";
    /// More bytes than a token may have.
    TooLong = "token-too-long",
        "this token has more than 8192 bytes; ask the issuer for one with fewer claims",
        "dit token heeft meer dan 8192 bytes; vraag de uitgever om een token met minder claims";
    /// Not three parts of base64url without padding, the first two JSON objects with each key once.
    Malformed = "token-malformed",
        "this is not a signed token (JWS compact form, RFC 7515); check that it was copied whole",
        "dit is geen ondertekend token (JWS in compacte vorm, RFC 7515); controleer of het volledig is";
    /// The header brings its own key, or demands what nobody here does.
    HeaderRefused = "token-header-refused",
        "the header of this token has crit, b64, zip, enc, cty, jku, jwk, x5u or x5c; ask the issuer for a plain one",
        "de kop van dit token heeft crit, b64, zip, enc, cty, jku, jwk, x5u of x5c; vraag de uitgever om een gewoon token";
    /// Its `typ` is none that the issuer's entry takes.
    WrongType = "token-wrong-type",
        "this token is of another type than access tokens of this issuer (typ, RFC 9068); send an access token, not an \
         ID token",
        "dit token is van een ander type dan toegangstokens van deze uitgever (typ, RFC 9068); stuur een toegangstoken, \
         geen ID-token";
    /// `none`, a symmetric one, one that is not known, or one that the issuer's entry does not list.
    AlgorithmRefused = "token-algorithm-refused",
        "this token is signed in a way that is not taken here; ask the issuer for ES256, RS256 or EdDSA",
        "dit token is ondertekend op een manier die hier niet wordt aangenomen; vraag de uitgever om ES256, RS256 of EdDSA";
    /// No such issuer.
    IssuerUnknown = "token-issuer-unknown",
        "this server takes no tokens of this issuer; sign in with the organisation's own, or send the key of your use case",
        "deze server neemt geen tokens van deze uitgever aan; meld u aan bij die van de organisatie, of stuur de sleutel \
         van uw toepassing";
    /// No such key, or none is named where there are several.
    KeyUnknown = "token-key-unknown",
        "the key that signed this token is not pinned here; fetch a new token, or ask the administrator to pin the \
         issuer's new keys",
        "de sleutel van dit token is hier niet vastgelegd; haal een nieuw token op, of vraag de beheerder de nieuwe \
         sleutels van de uitgever vast te leggen";
    /// The key is not for signatures, or is of another kind than the algorithm's.
    KeyMismatch = "token-key-mismatch",
        "the key that this token names is not for its kind of signature; ask the issuer",
        "de sleutel die dit token noemt is niet voor dit soort handtekening; vraag het de uitgever";
    /// The signature is not that key's over this text.
    SignatureWrong = "token-signature-wrong",
        "the signature of this token does not hold; check that it was copied whole, or fetch a new one",
        "de handtekening van dit token klopt niet; controleer of het volledig is, of haal een nieuw token op";
    /// `iss`, `sub`, `aud`, `exp` or `iat` is missing or of the wrong kind.
    ClaimsIncomplete = "token-claims-incomplete",
        "this token lacks iss, sub, aud, exp, iat or the claim that names the person; ask the issuer for an access token \
         (RFC 9068)",
        "dit token mist iss, sub, aud, exp, iat of de claim die de persoon noemt; vraag de uitgever om een toegangstoken \
         (RFC 9068)";
    /// For somebody else.
    AudienceWrong = "token-audience-wrong",
        "this token is for another service; ask the issuer for one with the audience of this server",
        "dit token is voor een andere dienst; vraag de uitgever om een token voor deze server (aud)";
    /// Was good.
    Expired = "token-expired",
        "this token has expired; fetch a new one",
        "dit token is verlopen; haal een nieuw token op";
    /// `nbf` or `iat` lies ahead, by more than the clocks may differ.
    NotYetValid = "token-not-yet-valid",
        "this token is not valid yet; check the clocks of this server and of the issuer",
        "dit token is nog niet geldig; controleer de klokken van deze server en van de uitgever";
    /// Lives longer than the issuer's entry allows.
    LifetimeTooLong = "token-lifetime-too-long",
        "this token lives longer than this server allows; ask the issuer for one that ends sooner",
        "dit token is langer geldig dan deze server toestaat; vraag de uitgever om een token dat eerder verloopt";
    /// The pinned keys are no longer to be relied on.
    KeysOutdated = "token-keys-outdated",
        "the issuer's keys were pinned until a date that has passed; the administrator pins them anew: \
         proeftuin identity pin",
        "de sleutels van de uitgever waren vastgelegd tot een datum die voorbij is; de beheerder legt ze opnieuw vast: \
         proeftuin identity pin";
}
