//! `CyclePlan`: the steps of a workflow as a directed graph without circles.
//!
//! The circle of the loop is cut where one cycle hands on to the next: a `feedback` step's `tune "step.parameter"` is a
//! carry edge, and so is the `next-cycle "step"` of one that hands on what it gives; they are kept beside the graph and never in it. What is left has a topological order, and of all such orders we
//! take the one that stays closest to the file, so that people recognise it.

use crate::base::{InOrder, StepId};
use crate::model::{Kinds, Scalar, Workflow};
use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// An edge from one cycle to the next.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CarryEdge {
    pub from: StepId,
    pub to: StepId,
    /// The parameter of `to` that `from` tunes, by the name after the point: `demand` in `opportunities.demand`. Without one, `to`
    /// reads what `from` gives.
    pub parameter: Option<String>,
}

impl CarryEdge {
    /// `tunes demand`, `next cycle`.
    pub fn label(&self) -> String {
        self.parameter.as_ref().map_or_else(|| "next cycle".to_owned(), |parameter| format!("tunes {parameter}"))
    }
}

/// Why a workflow has no plan. A workflow that the compiler has checked always has one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("the steps {} wait for each other", names(.0))]
    Circle(Vec<StepId>),
    #[error("`{step}` reads from `{from}`, which is no step of this workflow")]
    UnknownStep { step: StepId, from: StepId },
    #[error("two steps are called `{0}`")]
    TwoSteps(StepId),
}

fn names(steps: &[StepId]) -> String {
    steps.iter().map(|step| format!("`{step}`")).collect::<Vec<_>>().join(", ")
}

/// The graph of one cycle.
#[derive(Clone, Debug)]
pub struct CyclePlan {
    /// Node `i` is the step `workflow.steps[i]`; an edge is a wire with the kinds it carries.
    pub graph: DiGraph<StepId, Kinds>,
    /// Indices into `workflow.steps`; every step stands after all steps it reads from.
    pub order: Vec<usize>,
    pub carries: Vec<CarryEdge>,
    /// Indices into `workflow.steps` by the names of the steps.
    by_name: Vec<u32>,
}

impl CyclePlan {
    /// Plans a workflow.
    ///
    /// # Errors
    /// When wires form a circle, name no step, or two steps share a name; the compiler reports these with their places.
    pub fn new(workflow: &Workflow) -> Result<CyclePlan, PlanError> {
        let mut graph = DiGraph::with_capacity(workflow.steps.len(), workflow.steps.len());
        workflow.steps.iter().for_each(|step| _ = graph.add_node(step.id.clone()));
        let id = |at: u32| &workflow.steps[at as usize].id;
        let mut by_name: Vec<u32> = (0..workflow.steps.len() as u32).collect();
        by_name.order_by(|a, b| id(*a).cmp(id(*b)));
        if let Some(same) = by_name.windows(2).filter(|pair| id(pair[0]) == id(pair[1])).map(|pair| pair[1]).min() {
            return Err(PlanError::TwoSteps(id(same).clone()));
        }
        let index = |step: &StepId| by_name.binary_search_by(|at| id(*at).cmp(step)).ok().map(|place| by_name[place] as usize);
        for (at, step) in workflow.steps.iter().enumerate() {
            for wire in &step.from {
                let Some(from) = index(&wire.from) else {
                    return Err(PlanError::UnknownStep { step: step.id.clone(), from: wire.from.clone() });
                };
                graph.add_edge(NodeIndex::new(from), NodeIndex::new(at), wire.carries);
            }
        }
        let order = stable_order(&graph).ok_or_else(|| PlanError::Circle(first_circle(&graph)))?;
        let carries = carry_edges(workflow, |step| index(step).is_some());
        Ok(CyclePlan { graph, order, carries, by_name })
    }

    /// The place of a step in `workflow.steps`.
    pub fn index(&self, step: &StepId) -> Option<usize> {
        let id = |at: u32| &self.graph[NodeIndex::new(at as usize)];
        let place = self.by_name.binary_search_by(|at| id(*at).cmp(step)).ok()?;
        Some(self.by_name[place] as usize)
    }

    /// Steps in the order of the plan.
    pub fn steps(&self) -> impl Iterator<Item = &StepId> {
        self.order.iter().map(|at| &self.graph[NodeIndex::new(*at)])
    }

    /// All steps that `step` depends on, near or far, in the order of the plan.
    pub fn upstream(&self, step: &StepId) -> Vec<StepId> {
        self.reach(step, Direction::Incoming)
    }

    /// All steps that depend on `step`, near or far, in the order of the plan.
    pub fn downstream(&self, step: &StepId) -> Vec<StepId> {
        self.reach(step, Direction::Outgoing)
    }

    fn reach(&self, step: &StepId, direction: Direction) -> Vec<StepId> {
        let Some(start) = self.index(step) else { return Vec::new() };
        let mut seen = vec![false; self.graph.node_count()];
        let mut stack = vec![NodeIndex::new(start)];
        while let Some(node) = stack.pop() {
            for next in self.graph.neighbors_directed(node, direction) {
                if !std::mem::replace(&mut seen[next.index()], true) {
                    stack.push(next);
                }
            }
        }
        self.order.iter().filter(|at| seen[**at]).map(|at| self.graph[NodeIndex::new(*at)].clone()).collect()
    }

    /// Wires in file order of their ends: `(from, to, kinds)`.
    pub fn wires(&self) -> Vec<(&StepId, &StepId, Kinds)> {
        let mut wires: Vec<_> = self.graph.edge_references().collect();
        wires.order_by_key(|edge| (edge.target(), edge.id()));
        wires.iter().map(|edge| (&self.graph[edge.source()], &self.graph[edge.target()], *edge.weight())).collect()
    }
}

/// Kahn's algorithm with a heap: among the steps that are ready the first of the file goes first. `None` when there is a circle.
fn stable_order<N, E>(graph: &DiGraph<N, E>) -> Option<Vec<usize>> {
    let mut left: Vec<usize> = graph.node_indices().map(|node| graph.edges_directed(node, Direction::Incoming).count()).collect();
    let mut ready: BinaryHeap<Reverse<usize>> = (0..left.len()).filter(|at| left[*at] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(left.len());
    while let Some(Reverse(at)) = ready.pop() {
        order.push(at);
        for edge in graph.edges_directed(NodeIndex::new(at), Direction::Outgoing) {
            let to = edge.target().index();
            left[to] -= 1;
            if left[to] == 0 {
                ready.push(Reverse(to));
            }
        }
    }
    (order.len() == left.len()).then_some(order)
}

/// The steps of one circle, in file order.
fn first_circle<E>(graph: &DiGraph<StepId, E>) -> Vec<StepId> {
    let mut nodes = petgraph::algo::tarjan_scc(graph)
        .into_iter()
        .filter(|nodes| nodes.len() > 1 || nodes.iter().any(|node| graph.contains_edge(*node, *node)))
        .min_by_key(|nodes| nodes.iter().min().copied())
        .unwrap_or_default();
    nodes.sort();
    nodes.into_iter().map(|node| graph[node].clone()).collect()
}

fn carry_edges(workflow: &Workflow, is_known: impl Fn(&StepId) -> bool) -> Vec<CarryEdge> {
    let mut edges = Vec::new();
    for step in &workflow.steps {
        for path in step.config.all("tune").filter_map(|tune| tune.arg().and_then(Scalar::text)) {
            let Some((to, parameter)) = path.split_once('.') else { continue };
            let to = StepId::new(to);
            if is_known(&to) {
                edges.push(CarryEdge { from: step.id.clone(), to, parameter: Some(parameter.to_owned()) });
            }
        }
        let handed = step.hands_to().into_iter().map(StepId::new).filter(|to| is_known(to));
        edges.extend(handed.map(|to| CarryEdge { from: step.id.clone(), to, parameter: None }));
    }
    edges
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::base::WorkflowId;
    use crate::model::{Config, GoodKind, Layer, Step, Wire};
    use jiff::tz::TimeZone;
    use std::collections::BTreeMap;

    /// A workflow from lines such as `Strategy score opportunities < press site`.
    pub(crate) fn workflow(lines: &[(Layer, &str, &str, &[&str])]) -> Workflow {
        Workflow {
            id: WorkflowId::new("test"),
            about: String::new(),
            folder: String::new(),
            client_os: None,
            zone: TimeZone::UTC,
            every: None,
            at_minute: None,
            calendar: Default::default(),
            recorded_from: None,
            notify: Vec::new(),
            concurrency: 8,
            caps: Vec::new(),
            steps: lines.iter().map(|(layer, verb, name, from)| step(*layer, verb, name, from)).collect(),
            providers: BTreeMap::new(),
            channels: BTreeMap::new(),
            templates: BTreeMap::new(),
            digested: Default::default(),
        }
    }

    fn step(layer: Layer, verb: &str, name: &str, from: &[&str]) -> Step {
        Step {
            id: StepId::new(name),
            layer,
            verb: verb.to_owned().into(),
            connector: None,
            config: Config::default(),
            from: from.iter().map(|from| Wire { from: StepId::new(from), carries: Kinds::of(&[GoodKind::Signal]) }).collect(),
            caps: Vec::new(),
            priority: 0,
            files: BTreeMap::new(),
            span: Default::default(),
        }
    }

    /// A small loop whose feedback tunes the first choice.
    pub(crate) fn small_loop() -> Workflow {
        let mut workflow = workflow(&[
            (Layer::Learning, "feedback", "aim", &["credit"]),
            (Layer::Intelligence, "source", "press", &[]),
            (Layer::Strategy, "score", "opportunities", &["press"]),
            (Layer::Production, "outline", "outlines", &["opportunities"]),
            (Layer::Learning, "attribute", "credit", &["outlines", "press"]),
        ]);
        workflow.steps[0].config.children.push(Config {
            name: "tune".into(),
            args: [Scalar::Text("opportunities.demand".to_owned())].into(),
            ..Config::default()
        });
        workflow
    }

    fn texts<'a>(steps: impl IntoIterator<Item = &'a StepId>) -> Vec<&'a str> {
        steps.into_iter().map(StepId::as_str).collect()
    }

    #[test]
    fn the_order_stays_close_to_the_file() {
        let plan = CyclePlan::new(&small_loop()).expect("a plan");
        assert_eq!(texts(plan.steps()), ["press", "opportunities", "outlines", "credit", "aim"]);
        let free = workflow(&[
            (Layer::Intelligence, "source", "c", &[]),
            (Layer::Intelligence, "source", "a", &[]),
            (Layer::Intelligence, "source", "b", &[]),
        ]);
        assert_eq!(texts(CyclePlan::new(&free).expect("a plan").steps()), ["c", "a", "b"]);
    }

    #[test]
    fn upstream_and_downstream_reach_far() {
        let plan = CyclePlan::new(&small_loop()).expect("a plan");
        assert_eq!(texts(&plan.upstream(&StepId::new("credit"))), ["press", "opportunities", "outlines"]);
        assert_eq!(texts(&plan.downstream(&StepId::new("outlines"))), ["credit", "aim"]);
        assert!(plan.upstream(&StepId::new("nobody")).is_empty());
    }

    #[test]
    fn feedback_is_carried_and_never_an_edge() {
        let plan = CyclePlan::new(&small_loop()).expect("a plan");
        assert_eq!(
            plan.carries,
            [CarryEdge { from: "aim".into(), to: "opportunities".into(), parameter: Some("demand".to_owned()) }]
        );
        assert!(!plan.graph.contains_edge(NodeIndex::new(0), NodeIndex::new(2)));
    }

    #[test]
    fn a_circle_is_named_step_by_step() {
        let circle = workflow(&[
            (Layer::Intelligence, "source", "press", &[]),
            (Layer::Strategy, "score", "b", &["press", "c"]),
            (Layer::Strategy, "score", "c", &["b"]),
        ]);
        assert_eq!(CyclePlan::new(&circle).unwrap_err().to_string(), "the steps `b`, `c` wait for each other");
        let lost = workflow(&[(Layer::Strategy, "score", "b", &["nobody"])]);
        assert_eq!(CyclePlan::new(&lost).unwrap_err().to_string(), "`b` reads from `nobody`, which is no step of this workflow");
    }
}
