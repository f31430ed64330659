//! Pieces to a tree: blocks are closed, variables have places, functions are rows of the table.

use regex::Regex;

use super::functions::{self, Function};
use super::lexer::{Lexeme, Piece, Token, pieces};
use super::tree::{Branch, Command, Node, Operand, Pipeline, Tree, invoked};
use super::value::Value;

/// Parentheses and blocks inside each other.
const DEPTH_MAX: usize = 64;
/// Compiled size of a literal pattern.
const REGEX_BYTES_MAX: usize = 1 << 20;

pub(super) fn tree(source: &str) -> Result<Tree, String> {
    let pieces = pieces(source)?;
    let mut parser = Parser {
        pieces: pieces.into_iter(),
        action: Vec::new().into_iter(),
        next: None,
        variables: vec![String::new()],
        dot_is_root: true,
        loops: 0,
        depth: 0,
        tree: Tree::default(),
    };
    let (root, end) = parser.block()?;
    if let Some(end) = end {
        return Err(format!("unexpected {{{{{}}}}}", end.word()));
    }
    parser.tree.root = root;
    let missing =
        |nodes: &[Node]| invoked(nodes).find(|name| !parser.tree.named.iter().any(|(n, _)| n == name));
    let all = std::iter::once(&parser.tree.root).chain(parser.tree.named.iter().map(|(_, nodes)| nodes));
    if let Some(name) = all.clone().find_map(|nodes| missing(nodes)) {
        return Err(format!("template {name:?} not defined"));
    }
    Ok(parser.tree)
}

/// What ends a block.
enum End {
    End,
    /// `else`, and the word after it: `if` or `with`.
    Else(Option<&'static str>),
}

impl End {
    fn word(&self) -> &'static str {
        match self {
            End::End => "end",
            End::Else(_) => "else",
        }
    }
}

struct Parser {
    pieces: std::vec::IntoIter<Piece>,
    action: std::vec::IntoIter<Lexeme>,
    next: Option<Lexeme>,
    /// Names in scope; the first is `$`.
    variables: Vec<String>,
    /// Whether `.` is the labels here.
    dot_is_root: bool,
    loops: usize,
    depth: usize,
    tree: Tree,
}

impl Parser {
    fn advance(&mut self) -> Option<Lexeme> {
        std::mem::replace(&mut self.next, self.action.next())
    }

    fn peek(&self) -> Option<&Token> {
        self.next.as_ref().map(|lexeme| &lexeme.token)
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Symbol(s)) if *s == symbol);
        if found {
            self.advance();
        }
        found
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Ident(name)) if name == word);
        if found {
            self.advance();
        }
        found
    }

    fn unexpected(&self) -> String {
        match self.peek() {
            Some(token) => format!("unexpected {token:?} in an action"),
            None => "unexpected end of an action".to_string(),
        }
    }

    fn done(&self) -> Result<(), String> {
        if self.next.is_none() { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Nodes up to `{{end}}`, `{{else}}` or the end of the text.
    fn block(&mut self) -> Result<(Vec<Node>, Option<End>), String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("a template is nested deeper than {DEPTH_MAX} levels: split it"));
        }
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.next() {
            match piece {
                Piece::Text(text) => nodes.push(Node::Text(text)),
                Piece::Action(lexemes) => {
                    self.action = lexemes.into_iter();
                    self.next = self.action.next();
                    if let Some(end) = self.block_end()? {
                        self.depth -= 1;
                        return Ok((nodes, Some(end)));
                    }
                    nodes.extend(self.action_node()?);
                }
            }
        }
        self.depth -= 1;
        Ok((nodes, None))
    }

    fn block_end(&mut self) -> Result<Option<End>, String> {
        if self.eat_word("end") {
            self.done()?;
            return Ok(Some(End::End));
        }
        if !self.eat_word("else") {
            return Ok(None);
        }
        for word in ["if", "with"] {
            if self.eat_word(word) {
                return Ok(Some(End::Else(Some(word))));
            }
        }
        self.done()?;
        Ok(Some(End::Else(None)))
    }

    fn action_node(&mut self) -> Result<Option<Node>, String> {
        let Some(Token::Ident(word)) = self.peek().cloned() else {
            return self.emit().map(Some);
        };
        match word.as_str() {
            "if" | "with" | "range" => {
                self.advance();
                self.branch(&word).map(Some)
            }
            "break" | "continue" => {
                self.advance();
                self.done()?;
                match (self.loops, word.as_str()) {
                    (0, _) => Err(format!("{{{{{word}}}}} outside {{{{range}}}}")),
                    (_, "break") => Ok(Some(Node::Break)),
                    _ => Ok(Some(Node::Continue)),
                }
            }
            "define" => {
                self.advance();
                let name = self.name()?;
                self.done()?;
                self.define(name).map(|()| None)
            }
            "block" => {
                self.advance();
                let name = self.name()?;
                let pipe = self.pipeline(0)?;
                self.done()?;
                self.define(name.clone())?;
                Ok(Some(Node::Invoke(name, Some(pipe))))
            }
            "template" => {
                self.advance();
                let name = self.name()?;
                let pipe = if self.next.is_some() { Some(self.pipeline(0)?) } else { None };
                self.done()?;
                Ok(Some(Node::Invoke(name, pipe)))
            }
            _ => self.emit().map(Some),
        }
    }

    fn emit(&mut self) -> Result<Node, String> {
        let pipe = self.pipeline(1)?;
        self.done()?;
        Ok(Node::Emit(pipe))
    }

    fn name(&mut self) -> Result<String, String> {
        match self.advance().map(|lexeme| lexeme.token) {
            Some(Token::Text(name)) => Ok(name),
            _ => Err("a template's name is a quoted text".to_string()),
        }
    }

    fn define(&mut self, name: String) -> Result<(), String> {
        let outer = std::mem::replace(&mut self.variables, vec![String::new()]);
        let loops = std::mem::take(&mut self.loops);
        let root = std::mem::replace(&mut self.dot_is_root, false);
        let (nodes, end) = self.block()?;
        (self.variables, self.loops, self.dot_is_root) = (outer, loops, root);
        if !matches!(end, Some(End::End)) {
            return Err(format!("template {name:?} has no {{{{end}}}}"));
        }
        self.tree.named.retain(|(known, _)| *known != name);
        self.tree.named.push((name, nodes));
        Ok(())
    }

    fn branch(&mut self, word: &str) -> Result<Node, String> {
        let scope = self.variables.len();
        let pipe = self.pipeline(if word == "range" { 2 } else { 1 })?;
        self.done()?;
        let root = self.dot_is_root;
        self.dot_is_root &= word == "if";
        self.loops += usize::from(word == "range");
        let (then, end) = self.block()?;
        self.loops -= usize::from(word == "range");
        self.dot_is_root = root;
        let otherwise = match end {
            None => return Err(format!("{{{{{word}}}}} has no {{{{end}}}}")),
            Some(End::End) => Vec::new(),
            Some(End::Else(None)) => match self.block()? {
                (nodes, Some(End::End)) => nodes,
                _ => return Err(format!("{{{{else}}}} of {{{{{word}}}}} has no {{{{end}}}}")),
            },
            Some(End::Else(Some(chained))) if chained == word => vec![self.branch(chained)?],
            Some(End::Else(Some(chained))) => {
                return Err(format!("unexpected {{{{else {chained}}}}} in {word}"));
            }
        };
        self.variables.truncate(scope);
        let branch = Branch { pipe, then, otherwise };
        Ok(match word {
            "if" => Node::If(branch),
            "with" => Node::With(branch),
            _ => Node::Range(branch),
        })
    }

    /// `variables` is how many may take the value.
    fn pipeline(&mut self, variables: usize) -> Result<Pipeline, String> {
        let (names, declares) = self.targets(variables)?;
        let mut commands = vec![self.command(false)?];
        while self.eat("|") {
            commands.push(self.command(true)?);
        }
        // A declared variable is in scope only after its own value.
        let mut places = Vec::new();
        for name in names {
            if declares {
                self.variables.push(name);
                places.push(self.variables.len() - 1);
            } else {
                places.push(self.place(&name)?);
            }
        }
        Ok(Pipeline { places, commands })
    }

    fn targets(&mut self, most: usize) -> Result<(Vec<String>, bool), String> {
        let (action, next) = (self.action.clone(), self.next.clone());
        let mut names = Vec::new();
        while let Some(Token::Variable(name)) = self.peek().cloned() {
            self.advance();
            names.push(name);
            if self.eat(",") && names.len() < 2 {
                continue;
            }
            let declares = self.eat(":=");
            if declares || self.eat("=") {
                if names.len() > most {
                    return Err("too many variables before a value".to_string());
                }
                return Ok((names, declares));
            }
            break;
        }
        (self.action, self.next) = (action, next);
        Ok((Vec::new(), false))
    }

    fn place(&self, name: &str) -> Result<usize, String> {
        let found = self.variables.iter().rposition(|known| known == name);
        found.ok_or_else(|| format!("undefined variable \"${name}\""))
    }

    fn command(&mut self, piped: bool) -> Result<Command, String> {
        if let Some(Token::Ident(name)) = self.peek().cloned()
            && !matches!(name.as_str(), "true" | "false" | "nil")
        {
            self.advance();
            let function = functions::find(&name).ok_or_else(|| format!("function {name:?} not defined"))?;
            let mut operands = Vec::new();
            let whole = self.tree.whole;
            while !matches!(self.peek(), None | Some(Token::Symbol("|" | ")"))) {
                operands.push(self.operand()?);
            }
            // `index . "label"` looks at one label, not at all of them.
            if let ("index", true, [Operand::Dot, Operand::Literal(Value::Text(name))]) =
                (function.name, self.dot_is_root, operands.as_slice())
            {
                self.tree.whole = whole;
                self.tree.labels.push(name.clone());
                return Ok(Command::Value(Operand::Field(vec![name.clone()])));
            }
            return call(function, operands, piped);
        }
        let literal =
            matches!(self.peek(), Some(Token::Text(_) | Token::Int(_) | Token::Float(_) | Token::Dot));
        if piped && literal {
            return Err("non executable command in pipeline".to_string());
        }
        let operand = self.operand()?;
        match self.peek() {
            None | Some(Token::Symbol("|" | ")")) if !piped => Ok(Command::Value(operand)),
            _ => Err("can't give argument to non-function".to_string()),
        }
    }

    fn operand(&mut self) -> Result<Operand, String> {
        let Some(lexeme) = self.advance() else { return Err(self.unexpected()) };
        let operand = match lexeme.token {
            Token::Dot => Operand::Dot,
            Token::Text(text) => Operand::Literal(Value::Text(text)),
            Token::Int(value) => Operand::Literal(Value::Int(value)),
            Token::Float(value) => Operand::Literal(Value::Float(value)),
            Token::Variable(name) => Operand::Variable(self.place(&name)?),
            Token::Field(name) => Operand::Field(vec![name]),
            Token::Ident(name) => match name.as_str() {
                "true" | "false" => Operand::Literal(Value::Bool(name == "true")),
                "nil" => Operand::Literal(Value::Nil),
                _ => {
                    let function =
                        functions::find(&name).ok_or_else(|| format!("function {name:?} not defined"))?;
                    let command = call(function, Vec::new(), false)?;
                    nested(vec![command])
                }
            },
            Token::Symbol("(") => self.parenthesis()?,
            token => return Err(format!("unexpected {token:?} in an action")),
        };
        Ok(self.chained(operand))
    }

    fn parenthesis(&mut self) -> Result<Operand, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("a template is nested deeper than {DEPTH_MAX} levels: split it"));
        }
        let scope = self.variables.len();
        let pipe = self.pipeline(1)?;
        self.variables.truncate(scope);
        self.depth -= 1;
        if !self.eat(")") {
            return Err("unclosed left paren".to_string());
        }
        Ok(Operand::Nested(Box::new(pipe)))
    }

    /// Fields that follow without white space.
    fn chained(&mut self, mut operand: Operand) -> Operand {
        while let Some(Lexeme { token: Token::Field(name), spaced: false }) = &self.next {
            let name = name.clone();
            self.advance();
            operand = match operand {
                Operand::Field(mut names) => {
                    names.push(name);
                    Operand::Field(names)
                }
                Operand::Chain(inner, mut names) => {
                    names.push(name);
                    Operand::Chain(inner, names)
                }
                other => Operand::Chain(Box::new(other), vec![name]),
            };
        }
        match &operand {
            Operand::Field(names) => self.tree.labels.extend(names.first().cloned()),
            Operand::Chain(inner, names) if matches!(**inner, Operand::Variable(0)) => {
                self.tree.labels.extend(names.first().cloned());
            }
            Operand::Dot => self.tree.whole |= self.dot_is_root,
            Operand::Variable(place) => self.tree.whole |= *place == 0,
            _ => {}
        }
        operand
    }
}

fn call(function: &'static Function, mut operands: Vec<Operand>, piped: bool) -> Result<Command, String> {
    let count = operands.len() + usize::from(piped);
    if count < function.least || count > function.most {
        let wanted = if function.least == function.most {
            function.least.to_string()
        } else {
            format!("at least {}", function.least)
        };
        return Err(format!("wrong number of args for {}: want {wanted} got {count}", function.name));
    }
    if function.pattern_first
        && let Some(Operand::Literal(Value::Text(text))) = operands.first()
        && let Ok(regex) =
            regex::RegexBuilder::new(&crate::re2::rewritten(text)).size_limit(REGEX_BYTES_MAX).build()
    {
        operands[0] = Operand::Literal(Value::Regex(regex));
    }
    Ok(Command::Call(function, operands))
}

fn nested(commands: Vec<Command>) -> Operand {
    Operand::Nested(Box::new(Pipeline { places: Vec::new(), commands }))
}

/// A pattern that was no literal.
pub(super) fn compiled(text: &str) -> Result<Regex, String> {
    let built = regex::RegexBuilder::new(&crate::re2::rewritten(text)).size_limit(REGEX_BYTES_MAX).build();
    built.map_err(|_| format!("error parsing regexp: {text:?}"))
}
