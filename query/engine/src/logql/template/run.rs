//! A template's tree to text, for one line and its labels.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::Scope;
use super::functions::{Function, Run};
use super::moment::Moment;
use super::tree::{Branch, Command, Node, Operand, Pipeline, Tree};
use super::value::Value;

/// A line longer than this nobody reads.
pub(super) const OUTPUT_BYTES_MAX: usize = 1 << 20;
/// Nodes and operands of one rendering: loops inside loops end here.
const WORK_MAX: usize = 100_000;
/// Templates that call each other.
const CALLS_MAX: usize = 32;

/// Appends what the template gives; `out` is to be thrown away after an error.
pub(super) fn render(tree: &Tree, scope: &dyn Scope, out: &mut String) -> Result<(), String> {
    let mut runner = Runner { tree, scope, out, variables: vec![Value::Nil], work: 0, calls: 0, root: true };
    runner.nodes(&tree.root, &Dot::Labels)?;
    Ok(())
}

/// What `.` is: the labels are not collected before something asks for all of them.
enum Dot<'v> {
    Labels,
    Value(&'v Value),
}

enum Flow {
    On,
    Break,
    Continue,
}

struct Runner<'r> {
    tree: &'r Tree,
    scope: &'r dyn Scope,
    out: &'r mut String,
    /// By place; the first is `$`.
    variables: Vec<Value>,
    work: usize,
    calls: usize,
    /// Whether `$` is the labels.
    root: bool,
}

impl Runner<'_> {
    fn step(&mut self) -> Result<(), String> {
        self.work += 1;
        if self.work > WORK_MAX {
            return Err(format!("more than {WORK_MAX} steps for one line"));
        }
        if self.out.len() > OUTPUT_BYTES_MAX {
            return Err(format!("a line of more than {OUTPUT_BYTES_MAX} bytes"));
        }
        Ok(())
    }

    fn nodes(&mut self, nodes: &[Node], dot: &Dot<'_>) -> Result<Flow, String> {
        for node in nodes {
            self.step()?;
            let flow = match node {
                Node::Text(text) => {
                    self.out.push_str(text);
                    Flow::On
                }
                Node::Emit(pipe) => {
                    self.emit(pipe, dot)?;
                    Flow::On
                }
                Node::If(branch) | Node::With(branch) => {
                    self.branch(branch, matches!(node, Node::With(_)), dot)?
                }
                Node::Range(branch) => self.range(branch, dot)?,
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
                Node::Invoke(name, pipe) => {
                    self.invoke(name, pipe.as_ref(), dot)?;
                    Flow::On
                }
            };
            if !matches!(flow, Flow::On) {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn emit(&mut self, pipe: &Pipeline, dot: &Dot<'_>) -> Result<(), String> {
        // Most templates: one label, copied.
        if let ([Command::Value(Operand::Field(names))], [], Dot::Labels) =
            (pipe.commands.as_slice(), pipe.places.as_slice(), dot)
            && let [name] = names.as_slice()
        {
            self.out.push_str(self.scope.label(name).as_deref().unwrap_or_default());
            return Ok(());
        }
        let value = self.pipeline(pipe, dot)?;
        if pipe.places.is_empty() {
            value.write(self.out);
        }
        Ok(())
    }

    fn branch(&mut self, branch: &Branch, with: bool, dot: &Dot<'_>) -> Result<Flow, String> {
        let scope = self.variables.len();
        let value = self.pipeline(&branch.pipe, dot)?;
        let flow = match (value.truth(), with) {
            (true, true) => self.nodes(&branch.then, &Dot::Value(&value)),
            (true, false) => self.nodes(&branch.then, dot),
            (false, _) => self.nodes(&branch.otherwise, dot),
        };
        self.variables.truncate(scope);
        flow
    }

    fn range(&mut self, branch: &Branch, dot: &Dot<'_>) -> Result<Flow, String> {
        let scope = self.variables.len();
        let plain = Pipeline { places: Vec::new(), commands: branch.pipe.commands.clone() };
        let items: Vec<(Value, Value)> = match self.pipeline(&plain, dot)? {
            Value::List(items) => {
                items.into_iter().enumerate().map(|(at, item)| (Value::Int(at as i64), item)).collect()
            }
            Value::Map(members) => members.into_iter().map(|(key, item)| (Value::Text(key), item)).collect(),
            Value::Int(count) => {
                let count = count.clamp(0, WORK_MAX as i64 + 1);
                (0..count).map(|at| (Value::Int(at), Value::Int(at))).collect()
            }
            Value::Nil => Vec::new(),
            other => return Err(format!("range can't iterate over a {}", other.kind())),
        };
        if items.is_empty() {
            let flow = self.nodes(&branch.otherwise, dot)?;
            self.variables.truncate(scope);
            return Ok(flow);
        }
        for (key, item) in items {
            self.step()?;
            match branch.pipe.places.as_slice() {
                [] => {}
                [item_place] => self.assign(*item_place, item.clone()),
                [key_place, item_place, ..] => {
                    self.assign(*key_place, key);
                    self.assign(*item_place, item.clone());
                }
            }
            if matches!(self.nodes(&branch.then, &Dot::Value(&item))?, Flow::Break) {
                break;
            }
            self.variables
                .truncate(scope.max(branch.pipe.places.iter().map(|place| place + 1).max().unwrap_or(0)));
        }
        self.variables.truncate(scope);
        Ok(Flow::On)
    }

    fn assign(&mut self, place: usize, value: Value) {
        if place >= self.variables.len() {
            self.variables.resize(place + 1, Value::Nil);
        }
        self.variables[place] = value;
    }

    fn invoke(&mut self, name: &str, pipe: Option<&Pipeline>, dot: &Dot<'_>) -> Result<(), String> {
        self.calls += 1;
        if self.calls > CALLS_MAX {
            return Err(format!("templates call each other more than {CALLS_MAX} deep"));
        }
        let value = match pipe {
            Some(pipe) => self.pipeline(pipe, dot)?,
            None => Value::Nil,
        };
        let found = self.tree.named.iter().find(|(known, _)| known == name);
        let (_, nodes) = found.ok_or_else(|| format!("template {name:?} not defined"))?;
        let outer = std::mem::replace(&mut self.variables, vec![value.clone()]);
        let root = std::mem::replace(&mut self.root, false);
        self.nodes(nodes, &Dot::Value(&value))?;
        (self.variables, self.root) = (outer, root);
        self.calls -= 1;
        Ok(())
    }

    fn pipeline(&mut self, pipe: &Pipeline, dot: &Dot<'_>) -> Result<Value, String> {
        let mut piped = None;
        for command in &pipe.commands {
            self.step()?;
            piped = Some(match command {
                Command::Value(operand) => self.operand(operand, dot)?,
                Command::Call(function, operands) => self.call(function, operands, piped, dot)?,
            });
        }
        let value = piped.unwrap_or(Value::Nil);
        for place in &pipe.places {
            self.assign(*place, value.clone());
        }
        Ok(value)
    }

    fn call(
        &mut self,
        function: &Function,
        operands: &[Operand],
        piped: Option<Value>,
        dot: &Dot<'_>,
    ) -> Result<Value, String> {
        let plain = match function.run {
            Run::Line => return Ok(Value::Text(self.scope.line().to_string())),
            Run::Timestamp => return Ok(Value::Time(Moment::of_nanos(self.scope.timestamp()))),
            Run::Now => return Ok(Value::Time(Moment::of_nanos(self.scope.now()))),
            Run::And | Run::Or => return self.decided(function, operands, piped, dot),
            Run::Plain(plain) => plain,
        };
        let mut arguments = Vec::with_capacity(operands.len() + 1);
        for operand in operands {
            arguments.push(self.operand(operand, dot)?);
        }
        arguments.extend(piped);
        plain(&arguments).map_err(|error| format!("error calling {}: {error}", function.name))
    }

    /// The first argument that is false for `and`, true for `or`; else the last.
    fn decided(
        &mut self,
        function: &Function,
        operands: &[Operand],
        piped: Option<Value>,
        dot: &Dot<'_>,
    ) -> Result<Value, String> {
        let decisive = matches!(function.run, Run::Or);
        let mut value = Value::Nil;
        for operand in operands {
            value = self.operand(operand, dot)?;
            if value.truth() == decisive {
                return Ok(value);
            }
        }
        Ok(piped.unwrap_or(value))
    }

    fn operand(&mut self, operand: &Operand, dot: &Dot<'_>) -> Result<Value, String> {
        self.step()?;
        match operand {
            Operand::Literal(value) => Ok(value.clone()),
            Operand::Dot => Ok(match dot {
                Dot::Labels => self.all(),
                Dot::Value(value) => (*value).clone(),
            }),
            Operand::Variable(0) if self.root => Ok(self.all()),
            Operand::Variable(place) => Ok(self.variables.get(*place).cloned().unwrap_or(Value::Nil)),
            Operand::Nested(pipe) => {
                let scope = self.variables.len();
                let value = self.pipeline(pipe, dot);
                self.variables.truncate(scope);
                value
            }
            Operand::Field(names) => match dot {
                Dot::Labels => self.label(names),
                Dot::Value(value) => member((*value).clone(), names),
            },
            Operand::Chain(inner, names) => match **inner {
                Operand::Variable(0) if self.root => self.label(names),
                _ => member(self.operand(inner, dot)?, names),
            },
        }
    }

    fn label(&self, names: &[String]) -> Result<Value, String> {
        let (name, rest) = names.split_first().map_or(("", &[][..]), |(name, rest)| (name.as_str(), rest));
        let text = self.scope.label(name).map_or_else(String::new, Cow::into_owned);
        member(Value::Text(text), rest)
    }

    fn all(&self) -> Value {
        let labels = self.scope.labels().into_iter();
        Value::Map(labels.map(|(name, text)| (name, Value::Text(text))).collect::<BTreeMap<_, _>>())
    }
}

/// Members of members; what a map does not have is nil, what is no map has none.
fn member(value: Value, names: &[String]) -> Result<Value, String> {
    names.iter().try_fold(value, |value, name| match value {
        Value::Map(mut members) => Ok(members.remove(name).unwrap_or(Value::Nil)),
        Value::Nil => Err(format!("nil data; no entry for key {name:?}")),
        other => Err(format!("can't evaluate field {name} in type {}", other.kind())),
    })
}
