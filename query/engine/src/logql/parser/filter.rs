//! Label filters: comparisons joined by `and`, `or`, commas and parentheses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::ast::{Compare, IpPattern, LabelFilter};
use super::super::lexer::Token;
use super::{Parsed, Parser};

impl Parser<'_> {
    /// `or` binds weaker than `and`; a comma, or nothing at all between two filters, joins with everything after it.
    pub(super) fn label_filter(&mut self) -> Parsed<LabelFilter> {
        self.nested(|parser| {
            let mut any = vec![parser.filter_conjunction()?];
            while parser.eat_word("or") {
                any.push(parser.filter_conjunction()?);
            }
            Ok(one_or(any, LabelFilter::Or))
        })
    }

    fn filter_conjunction(&mut self) -> Parsed<LabelFilter> {
        let mut all = vec![self.filter_term()?];
        loop {
            if self.eat_word("and") {
                all.push(self.filter_term()?);
            } else if self.eat(",") || self.filter_starts() {
                all.push(self.label_filter()?);
            } else {
                return Ok(one_or(all, LabelFilter::And));
            }
        }
    }

    fn filter_starts(&self) -> bool {
        match self.peek() {
            Token::Symbol("(") => true,
            Token::Ident(_) if self.word_follows("or") || self.word_follows("and") => false,
            Token::Ident(_) => matches!(
                self.peek_at(1),
                Token::Symbol("=" | "!=" | "=~" | "!~" | ">" | ">=" | "<" | "<=" | "==")
            ),
            _ => false,
        }
    }

    fn filter_term(&mut self) -> Parsed<LabelFilter> {
        if self.eat("(") {
            let inner = self.label_filter()?;
            self.expect(")")?;
            return Ok(inner);
        }
        let name = self.ident()?;
        let Token::Symbol(symbol) = *self.peek() else {
            return Err(self.unexpected("a comparison"));
        };
        if matches!(symbol, "=" | "!=" | "=~" | "!~") && matches!(self.peek_at(1), Token::Text(_)) {
            return Ok(LabelFilter::Match(self.matcher(name)?));
        }
        let op = match symbol {
            "=" | "==" => Compare::Eq,
            "!=" => Compare::Ne,
            ">" => Compare::Gt,
            ">=" => Compare::Ge,
            "<" => Compare::Lt,
            "<=" => Compare::Le,
            "=~" | "!~" => {
                self.at += 1;
                return Err(self.unexpected("STRING"));
            }
            _ => return Err(self.unexpected("a comparison")),
        };
        self.at += 1;
        self.comparison(name, op)
    }

    fn comparison(&mut self, name: String, op: Compare) -> Parsed<LabelFilter> {
        let negative = self.eat("-");
        let signed = negative || self.eat("+");
        let filter = match self.peek().clone() {
            Token::Number(value) => {
                LabelFilter::Number { name, op, value: if negative { -value } else { value } }
            }
            Token::Duration(nanos) if !signed => LabelFilter::Duration { name, op, nanos },
            Token::Bytes(bytes) if !signed => LabelFilter::Bytes { name, op, bytes },
            Token::Ident(word)
                if !signed && word.eq_ignore_ascii_case("ip") && matches!(op, Compare::Eq | Compare::Ne) =>
            {
                self.at += 1;
                return Ok(LabelFilter::Ip {
                    name,
                    negated: op == Compare::Ne,
                    pattern: self.ip_argument()?,
                });
            }
            _ => return Err(self.unexpected("NUMBER or DURATION or BYTES")),
        };
        self.at += 1;
        Ok(filter)
    }

    /// `("10.0.0.0/8")`
    pub(super) fn ip_argument(&mut self) -> Parsed<IpPattern> {
        self.expect("(")?;
        let source = self.text_token()?;
        self.expect(")")?;
        let range = ip_range(&source);
        Ok(IpPattern { source, range })
    }
}

fn one_or(mut filters: Vec<LabelFilter>, many: fn(Vec<LabelFilter>) -> LabelFilter) -> LabelFilter {
    match filters.pop() {
        Some(only) if filters.is_empty() => only,
        Some(last) => {
            filters.push(last);
            many(filters)
        }
        None => many(filters),
    }
}

fn ip_range(source: &str) -> Option<(IpAddr, IpAddr)> {
    if let Some((first, last)) = source.split_once('-') {
        let (first, last): (IpAddr, IpAddr) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        return (first.is_ipv4() == last.is_ipv4() && first <= last).then_some((first, last));
    }
    let Some((address, bits)) = source.split_once('/') else {
        let address = source.parse().ok()?;
        return Some((address, address));
    };
    let bits: u32 = bits.parse().ok()?;
    match address.parse().ok()? {
        IpAddr::V4(v4) => {
            let host = u32::MAX.checked_shr(bits).unwrap_or(0);
            let base = u32::from(v4) & !host;
            (bits <= 32).then(|| (Ipv4Addr::from(base).into(), Ipv4Addr::from(base | host).into()))
        }
        IpAddr::V6(v6) => {
            let host = u128::MAX.checked_shr(bits).unwrap_or(0);
            let base = u128::from(v6) & !host;
            (bits <= 128).then(|| (Ipv6Addr::from(base).into(), Ipv6Addr::from(base | host).into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_ranges_and_prefixes() {
        let contains = |source: &str, address: &str| {
            let range = ip_range(source);
            IpPattern { source: source.into(), range }.contains(address.parse().unwrap())
        };
        assert!(contains("10.0.0.0/8", "10.200.3.4"));
        assert!(!contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("10.0.0.5-10.0.0.9", "10.0.0.9"));
        assert!(contains("0.0.0.0/0", "8.8.8.8"));
        assert!(contains("fd00::/8", "fd12::1"));
        assert!(!contains("fd00::/8", "10.0.0.1"));
        for bad in ["x", "10.0.0.0/33", "10.0.0.9-10.0.0.5", "1.2.3"] {
            assert!(ip_range(bad).is_none(), "{bad}");
        }
    }
}
