//! Metric queries: range and vector aggregations, operators, literals.

use super::super::ast::{
    Anchored, At, Binary, BinaryOp, Compare, Conversion, Grouping, LabelReplace, LogExpr, MatchLabels,
    Matching, MetricExpr, MetricKind, RangeAggregation, Side, Span, Unwrap, VectorAggregation,
};
use super::super::lexer::Token;
use super::super::table::{
    RANGE_AGGREGATIONS, RangeRow, StageWord, Unwrapped, VECTOR_AGGREGATIONS, VectorRow,
};
use super::{Parsed, Parser};

impl BinaryOp {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Or => "or",
            BinaryOp::And => "and",
            BinaryOp::Unless => "unless",
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Mod => "%",
            BinaryOp::Pow => "^",
            BinaryOp::Compare(compare) => compare.symbol(),
        }
    }

    fn binding(self) -> u8 {
        match self {
            BinaryOp::Or => 1,
            BinaryOp::And | BinaryOp::Unless => 2,
            BinaryOp::Compare(_) => 3,
            BinaryOp::Add | BinaryOp::Sub => 4,
            BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod => 5,
            BinaryOp::Pow => 6,
        }
    }

    fn is_set(self) -> bool {
        matches!(self, BinaryOp::Or | BinaryOp::And | BinaryOp::Unless)
    }
}

impl Parser<'_> {
    pub(super) fn metric(&mut self) -> Parsed<MetricExpr> {
        self.operation(0)
    }

    /// Precedence climbing. Each operator of a chain makes the tree one level deeper on its left, so it counts.
    fn operation(&mut self, weakest: u8) -> Parsed<MetricExpr> {
        let depth = self.depth;
        self.deepen()?;
        let mut left = self.operand()?;
        while let Some(op) = self.binary_operator() {
            if op.binding() < weakest {
                break;
            }
            self.deepen()?;
            self.at += 1;
            let (return_bool, matching) = self.modifiers()?;
            let next = if op == BinaryOp::Pow { op.binding() } else { op.binding() + 1 };
            let right = self.operation(next)?;
            left = self.combine(op, return_bool, matching, left, right)?;
        }
        self.depth = depth;
        Ok(left)
    }

    pub(super) fn binary_operator(&self) -> Option<BinaryOp> {
        let op = match self.peek() {
            Token::Symbol("+") => BinaryOp::Add,
            Token::Symbol("-") => BinaryOp::Sub,
            Token::Symbol("*") => BinaryOp::Mul,
            Token::Symbol("/") => BinaryOp::Div,
            Token::Symbol("%") => BinaryOp::Mod,
            Token::Symbol("^") => BinaryOp::Pow,
            Token::Symbol("==") => BinaryOp::Compare(Compare::Eq),
            Token::Symbol("!=") => BinaryOp::Compare(Compare::Ne),
            Token::Symbol(">") => BinaryOp::Compare(Compare::Gt),
            Token::Symbol(">=") => BinaryOp::Compare(Compare::Ge),
            Token::Symbol("<") => BinaryOp::Compare(Compare::Lt),
            Token::Symbol("<=") => BinaryOp::Compare(Compare::Le),
            _ if self.word_follows("or") => BinaryOp::Or,
            _ if self.word_follows("and") => BinaryOp::And,
            _ if self.word_follows("unless") => BinaryOp::Unless,
            _ => return None,
        };
        Some(op)
    }

    fn combine(
        &self,
        op: BinaryOp,
        return_bool: bool,
        matching: Matching,
        left: MetricExpr,
        right: MetricExpr,
    ) -> Parsed<MetricExpr> {
        let span = Span { start: left.span.start, end: right.span.end };
        let sides = [("left", literal(&left)), ("right", literal(&right))];
        if op.is_set()
            && let Some((side, Some(value))) = sides.into_iter().find(|(_, value)| value.is_some())
        {
            let symbol = op.symbol();
            let message = format!(
                "unexpected literal for {side} leg of logical/set binary operation ({symbol}): {value:.6}"
            );
            return Err(self.whole(span, message));
        }
        let kind = match (literal(&left), literal(&right)) {
            (Some(a), Some(b)) => MetricKind::Literal(fold(op, a, b)),
            _ => MetricKind::Binary(Box::new(Binary { op, return_bool, matching, left, right })),
        };
        Ok(MetricExpr { kind, span })
    }

    fn modifiers(&mut self) -> Parsed<(bool, Matching)> {
        let return_bool = self.eat_word("bool");
        let mut matching = Matching::default();
        for (word, on) in [("on", true), ("ignoring", false)] {
            if matching.labels.is_none() && self.eat_word(word) {
                matching.labels = Some(MatchLabels { on, names: self.label_list()? });
            }
        }
        if matching.labels.is_some() {
            if self.eat_word("group_left") {
                matching.side = Side::Left(self.optional_labels()?);
            } else if self.eat_word("group_right") {
                matching.side = Side::Right(self.optional_labels()?);
            }
        }
        Ok((return_bool, matching))
    }

    /// The parenthesis after `group_left` may also open the right-hand side: it lists labels only if nothing else fits.
    fn optional_labels(&mut self) -> Parsed<Vec<String>> {
        let mut ahead = 1;
        let mut list = *self.peek() == Token::Symbol("(");
        while list {
            match (self.peek_at(ahead), self.peek_at(ahead + 1)) {
                (Token::Symbol(")"), _) | (Token::Ident(_), Token::Symbol(")")) => break,
                (Token::Ident(_), Token::Symbol(",")) => ahead += 2,
                _ => list = false,
            }
        }
        if list { self.label_list() } else { Ok(Vec::new()) }
    }

    fn operand(&mut self) -> Parsed<MetricExpr> {
        let start = self.span().start;
        let kind = match self.peek().clone() {
            Token::Symbol("(") => {
                self.at += 1;
                if self.log_follows() {
                    return Err(self.unexpected("a metric query"));
                }
                let inner = self.metric()?;
                self.expect(")")?;
                return Ok(inner);
            }
            Token::Symbol(sign @ ("+" | "-")) => {
                self.at += 1;
                let value = self.number()?;
                MetricKind::Literal(if sign == "-" { -value } else { value })
            }
            Token::Number(value) => {
                self.at += 1;
                MetricKind::Literal(value)
            }
            Token::Ident(name) => self.call(&name)?,
            _ => return Err(self.unexpected("")),
        };
        Ok(MetricExpr { kind, span: Span { start, end: self.previous_end() } })
    }

    fn number(&mut self) -> Parsed<f64> {
        let Token::Number(value) = *self.peek() else { return Err(self.unexpected("NUMBER")) };
        self.at += 1;
        Ok(value)
    }

    fn call(&mut self, name: &str) -> Parsed<MetricKind> {
        let name = name.to_lowercase();
        if let Some(row) = RANGE_AGGREGATIONS.iter().find(|row| row.name == name) {
            self.at += 1;
            return Ok(MetricKind::Range(Box::new(self.range_aggregation(row)?)));
        }
        if let Some(row) = VECTOR_AGGREGATIONS.iter().find(|row| row.name == name) {
            self.at += 1;
            return Ok(MetricKind::Vector(Box::new(self.vector_aggregation(row)?)));
        }
        match name.as_str() {
            "vector" => {
                self.at += 1;
                self.expect("(")?;
                let value = self.number()?;
                self.expect(")")?;
                Ok(MetricKind::Constant(value))
            }
            "label_replace" => {
                self.at += 1;
                Ok(MetricKind::LabelReplace(Box::new(self.label_replace()?)))
            }
            _ => Err(self.unexpected("")),
        }
    }

    fn label_replace(&mut self) -> Parsed<LabelReplace> {
        self.expect("(")?;
        let inner = self.metric()?;
        let mut texts: [String; 4] = Default::default();
        let mut span = self.span();
        for text in &mut texts {
            self.expect(",")?;
            span = self.span();
            *text = self.text_token()?;
        }
        self.expect(")")?;
        let [target, replacement, source, pattern] = texts;
        let anchored = self.anchored(pattern, span);
        let regex: Anchored = anchored
            .map_err(|e| self.whole(span, format!("invalid regex in label_replace: {}", e.message)))?;
        Ok(LabelReplace { inner, target, replacement, source, regex })
    }

    fn vector_aggregation(&mut self, row: &'static VectorRow) -> Parsed<VectorAggregation> {
        let start = self.span();
        let mut grouping = self.grouping()?;
        self.expect("(")?;
        let mut param = None;
        if let (Token::Number(value), Token::Symbol(",")) = (self.peek().clone(), self.peek_at(1)) {
            if !row.param {
                return Err(
                    self.whole(start, format!("unsupported parameter for operation {}({value},", row.name))
                );
            }
            if value.fract() != 0.0 {
                return Err(self.whole(start, format!("invalid parameter {}({value},", row.name)));
            }
            if value <= 0.0 {
                let message = format!("invalid parameter (must be greater than 0) {}({value}", row.name);
                return Err(self.whole(start, message));
            }
            param = Some(value as u32);
            self.at += 2;
        }
        let inner = self.metric()?;
        self.expect(")")?;
        if grouping.is_none() {
            grouping = self.grouping()?;
        }
        if row.param && param.is_none() {
            return Err(self.whole(start, format!("parameter required for operation {}", row.name)));
        }
        if !row.grouping && grouping.as_ref().is_some_and(|grouping| !grouping.labels.is_empty()) {
            return Err(self.whole(start, format!("grouping not allowed for {} aggregation", row.name)));
        }
        Ok(VectorAggregation { op: row.op, param, grouping, inner })
    }

    fn grouping(&mut self) -> Parsed<Option<Grouping>> {
        let without = self.word_follows("without");
        if !without && !self.word_follows("by") {
            return Ok(None);
        }
        self.at += 1;
        Ok(Some(Grouping { without, labels: self.label_list()? }))
    }

    /// `(a, b)`, possibly empty.
    fn label_list(&mut self) -> Parsed<Vec<String>> {
        self.expect("(")?;
        let mut labels = Vec::new();
        if self.eat(")") {
            return Ok(labels);
        }
        loop {
            labels.push(self.matcher_name()?);
            if self.eat(")") {
                return Ok(labels);
            }
            if !self.eat(",") {
                return Err(self.unexpected(") or ,"));
            }
        }
    }

    fn range_aggregation(&mut self, row: &'static RangeRow) -> Parsed<RangeAggregation> {
        let start = self.span();
        self.expect("(")?;
        let mut param = None;
        if let Token::Number(value) = *self.peek() {
            self.at += 1;
            self.expect(",")?;
            if !row.param {
                return Err(
                    self.whole(start, format!("parameter {value} not supported for operation {}", row.name))
                );
            }
            param = Some(value);
        }
        let mut aggregation = self.log_range(row)?;
        if aggregation.range_ns == 0 {
            return Err(self.unexpected("RANGE"));
        }
        self.expect(")")?;
        aggregation.param = param;
        aggregation.grouping = self.grouping()?;
        let name = row.name;
        let refusal = if row.param && param.is_none() {
            Some(format!("parameter required for operation {name}"))
        } else if aggregation.grouping.is_some() && !row.grouping {
            Some(format!("grouping not allowed for {name} aggregation"))
        } else if aggregation.unwrap.is_some() && row.unwrapped == Unwrapped::Never {
            Some(format!("invalid aggregation {name} with unwrap"))
        } else if aggregation.unwrap.is_none() && row.unwrapped == Unwrapped::Always {
            Some(format!("invalid aggregation {name} without unwrap"))
        } else {
            None
        };
        match refusal {
            Some(message) => Err(self.whole(start, message)),
            None => Ok(aggregation),
        }
    }

    /// Selector, stages, unwrap, `[range]` and offset: Loki lets the range stand before or after the stages, and
    /// parentheses around nearly everything.
    fn log_range(&mut self, row: &'static RangeRow) -> Parsed<RangeAggregation> {
        if *self.peek() == Token::Symbol("(") {
            return self.nested(|parser| {
                parser.at += 1;
                let mut inner = parser.log_range(row)?;
                parser.expect(")")?;
                parser.range_and_offset(&mut inner)?;
                Ok(inner)
            });
        }
        let (selector, span) = self.selector()?;
        self.require_some_stream(&selector, span)?;
        let log = LogExpr { selector, stages: Vec::new(), span };
        let mut out = RangeAggregation {
            op: row.op,
            param: None,
            log,
            unwrap: None,
            range_ns: 0,
            offset_ns: 0,
            at: None,
            grouping: None,
        };
        self.range_and_offset(&mut out)?;
        out.log.stages = self.stages()?;
        out.log.span.end = self.previous_end();
        out.unwrap = self.unwrap()?;
        self.range_and_offset(&mut out)?;
        Ok(out)
    }

    fn range_and_offset(&mut self, out: &mut RangeAggregation) -> Parsed<()> {
        let Token::Range(nanos) = *self.peek() else { return Ok(()) };
        if out.range_ns != 0 {
            return Err(self.unexpected(""));
        }
        if nanos <= 0 {
            return Err(self.unexpected("a range longer than zero"));
        }
        self.at += 1;
        out.range_ns = nanos;
        let (mut offset, mut at) = (None, None);
        loop {
            if offset.is_none() && self.eat_word("offset") {
                let Token::Duration(nanos) = *self.peek() else { return Err(self.unexpected("DURATION")) };
                self.at += 1;
                offset = Some(nanos);
            } else if at.is_none() && self.eat("@") {
                at = Some(self.at_time()?);
            } else {
                (out.offset_ns, out.at) = (offset.unwrap_or_default(), at);
                return Ok(());
            }
        }
    }

    /// `1609746000.5`, `start()` or `end()`, as in PromQL; Loki has no such modifier.
    fn at_time(&mut self) -> Parsed<At> {
        for (word, at) in [("start", At::Start), ("end", At::End)] {
            if self.eat_word(word) {
                self.expect("(")?;
                self.expect(")")?;
                return Ok(at);
            }
        }
        let negative = self.eat("-");
        let seconds = self.number()? * if negative { -1.0 } else { 1.0 };
        Ok(At::Time((seconds * 1e3).round() as i64 * 1_000_000))
    }

    fn unwrap(&mut self) -> Parsed<Option<Unwrap>> {
        if *self.peek() != Token::Symbol("|") || self.stage_word(1) != Some(StageWord::Unwrap) {
            return Ok(None);
        }
        self.at += 2;
        let word = self.ident()?;
        let conversion = match word.to_lowercase().as_str() {
            "bytes" => Conversion::Bytes,
            "duration" => Conversion::Duration,
            "duration_seconds" => Conversion::DurationSeconds,
            _ => Conversion::Number,
        };
        let (label, conversion) = if conversion != Conversion::Number && self.eat("(") {
            let label = self.ident()?;
            self.expect(")")?;
            (label, conversion)
        } else {
            (word, Conversion::Number)
        };
        let mut filters = Vec::new();
        while self.eat("|") {
            filters.push(self.label_filter()?);
        }
        Ok(Some(Unwrap { label, conversion, filters }))
    }
}

fn literal(expr: &MetricExpr) -> Option<f64> {
    match expr.kind {
        MetricKind::Literal(value) => Some(value),
        _ => None,
    }
}

fn fold(op: BinaryOp, a: f64, b: f64) -> f64 {
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Mod => a % b,
        BinaryOp::Pow => a.powf(b),
        BinaryOp::Compare(compare) => f64::from(u8::from(compare.holds(a, b))),
        // Set operators never reach this with two literals.
        BinaryOp::Or | BinaryOp::And | BinaryOp::Unless => f64::NAN,
    }
}
