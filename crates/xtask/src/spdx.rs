//! SPDX licence expressions, as far as crates use them: identifiers, `WITH`, `AND`, `OR`, parentheses, and the old `/` for `OR`.
//!
//! Source: SPDX specification 2.3, annex D. `AND` binds tighter than `OR`.

/// Whether the expression can be met with allowed licences alone. A licence with an exception is asked for as `A WITH B`.
///
/// # Errors
/// When the expression cannot be read, with the place.
pub(crate) fn satisfied(expression: &str, allowed: &dyn Fn(&str) -> bool) -> Result<bool, String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words, allowed };
    let value = parser.any()?;
    match parser.words.first() {
        None => Ok(value),
        Some(word) => Err(format!("`{word}` is not expected there")),
    }
}

struct Parser<'a> {
    words: &'a [&'a str],
    allowed: &'a dyn Fn(&str) -> bool,
}

impl<'a> Parser<'a> {
    fn any(&mut self) -> Result<bool, String> {
        let mut value = self.all()?;
        while self.accept("OR") {
            value |= self.all()?;
        }
        Ok(value)
    }

    fn all(&mut self) -> Result<bool, String> {
        let mut value = self.one()?;
        while self.accept("AND") {
            value &= self.one()?;
        }
        Ok(value)
    }

    fn one(&mut self) -> Result<bool, String> {
        if self.accept("(") {
            let value = self.any()?;
            return if self.accept(")") { Ok(value) } else { Err("a `)` is missing".into()) };
        }
        let name = self.name()?;
        if self.accept("WITH") {
            let exception = self.name()?;
            return Ok((self.allowed)(&format!("{name} WITH {exception}")));
        }
        Ok((self.allowed)(name))
    }

    fn name(&mut self) -> Result<&'a str, String> {
        match self.words.split_first() {
            Some((word, rest)) if !["AND", "OR", "WITH", "(", ")"].contains(word) => {
                self.words = rest;
                Ok(word)
            }
            Some((word, _)) => Err(format!("a licence is expected where `{word}` stands")),
            None => Err("a licence is missing at the end".into()),
        }
    }

    fn accept(&mut self, expected: &str) -> bool {
        match self.words.split_first() {
            Some((word, rest)) if *word == expected => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::satisfied;

    fn with_mit_and_isc(expression: &str) -> Result<bool, String> {
        satisfied(expression, &|name| ["MIT", "ISC", "GPL-2.0 WITH Classpath"].contains(&name))
    }

    #[test]
    fn expressions_are_evaluated() {
        for (expression, expected) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("MIT OR GPL-3.0", true),
            ("GPL-3.0/MIT", true),
            ("MIT AND GPL-3.0", false),
            ("MIT AND (GPL-3.0 OR ISC)", true),
            ("GPL-3.0 OR MIT AND GPL-2.0", false),
            ("(GPL-3.0 OR MIT) AND ISC", true),
            ("GPL-2.0 WITH Classpath", true),
            ("MIT WITH Classpath", false),
        ] {
            assert_eq!(with_mit_and_isc(expression), Ok(expected), "{expression}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        for expression in ["", "MIT OR", "(MIT", "MIT ISC", "AND MIT", "MIT WITH", "MIT)"] {
            assert!(with_mit_and_isc(expression).is_err(), "{expression}");
        }
    }
}
