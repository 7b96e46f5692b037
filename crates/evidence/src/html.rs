//! Writing HTML so that no text becomes a tag: markup is what this program was built with, all else is escaped.

/// Text as HTML: `&`, `<`, `>` and both quotation marks become references, control characters a space.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' => escaped.push('\n'),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A page under way. Markup has to be `'static`: what was read at run time cannot get there.
#[derive(Default)]
pub(crate) struct Page(String);

impl Page {
    /// Markup of this program.
    pub fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Any text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.0.push_str(&escape(text));
        self
    }

    /// Any text between markup.
    pub fn within(&mut self, open: &'static str, text: &str, close: &'static str) -> &mut Self {
        self.raw(open).text(text).raw(close)
    }

    /// A row of a table whose cells are texts.
    pub fn row(&mut self, cells: &[&str]) -> &mut Self {
        self.raw("<tr>");
        for cell in cells {
            self.within("<td>", cell, "</td>");
        }
        self.raw("</tr>\n")
    }

    /// Opens a table with its headings.
    pub fn table(&mut self, headings: &[&str]) -> &mut Self {
        self.raw("<table><thead><tr>");
        for heading in headings {
            self.within("<th scope=\"col\">", heading, "</th>");
        }
        self.raw("</tr></thead><tbody>\n")
    }

    pub fn end_table(&mut self) -> &mut Self {
        self.raw("</tbody></table>\n")
    }

    /// A term and its text, in an open `<dl>`.
    pub fn pair(&mut self, term: &str, text: &str) -> &mut Self {
        self.within("<dt>", term, "</dt>").within("<dd>", text, "</dd>\n")
    }

    /// A digest or another name that a machine gave.
    pub fn pair_code(&mut self, term: &str, text: &str) -> &mut Self {
        self.within("<dt>", term, "</dt>").within("<dd><code>", text, "</code></dd>\n")
    }

    /// The whole page.
    pub fn finish(self) -> String {
        self.0
    }
}
