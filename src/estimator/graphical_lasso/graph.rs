//! The graph of a fitted precision matrix, and its way into other programs.

use std::fmt::Write;

use crate::estimator::PrecisionModel;

impl PrecisionModel {
    /// The name of variable j: the given one, else `x` and its number.
    pub fn variable_name(&self, j: usize) -> String {
        self.names().and_then(|names| names.get(j).cloned()).unwrap_or_else(|| format!("x{j}"))
    }

    /// The number of edges at each variable.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let s = array![[1.0, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 1.0]];
    /// assert_eq!(GraphicalLasso::new(0.1).fit_covariance(&s)?.degrees(), [1, 2, 1]);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn degrees(&self) -> Vec<usize> {
        let theta = self.precision();
        let neighbours = |j: usize| theta.column(j).iter().enumerate().filter(|(i, v)| *i != j && **v != 0.0).count();
        (0..theta.ncols()).map(neighbours).collect()
    }

    /// The edges as a table with the columns source, target, partial correlation and precision, comma-separated (RFC 4180),
    /// the strongest first.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let s = array![[1.0, 0.6], [0.6, 1.0]];
    /// let model = GraphicalLasso::new(0.1).variable_names(["a", "b"]).fit_covariance(&s)?;
    /// assert!(model.to_edge_list().starts_with("source,target,partial_correlation,precision\na,b,0.5"));
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn to_edge_list(&self) -> String {
        let field = |j: usize| {
            let name = self.variable_name(j);
            let quoted = name.contains([',', '"', '\n', '\r']);
            if quoted { format!("\"{}\"", name.replace('"', "\"\"")) } else { name }
        };
        let mut out = String::from("source,target,partial_correlation,precision\n");
        for e in self.edges() {
            let _ = writeln!(out, "{},{},{},{}", field(e.i), field(e.j), e.partial_correlation, e.precision);
        }
        out
    }

    /// The graph in [GraphML](http://graphml.graphdrawing.org), for Gephi, Cytoscape, yEd, igraph or networkx: nodes `n0`, `n1`, …
    /// with their names, edges with partial correlation and precision.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let s = array![[1.0, 0.6], [0.6, 1.0]];
    /// let model = GraphicalLasso::new(0.1).variable_names(["a", "b & c"]).fit_covariance(&s)?;
    /// assert!(model.to_graphml().contains("<data key=\"name\">b &amp; c</data>"));
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn to_graphml(&self) -> String {
        let mut out = String::from(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n\
             <key id=\"name\" for=\"node\" attr.name=\"name\" attr.type=\"string\"/>\n\
             <key id=\"partial\" for=\"edge\" attr.name=\"partial_correlation\" attr.type=\"double\"/>\n\
             <key id=\"precision\" for=\"edge\" attr.name=\"precision\" attr.type=\"double\"/>\n\
             <graph edgedefault=\"undirected\">\n",
        );
        for j in 0..self.precision().ncols() {
            let name = xml(&self.variable_name(j));
            let _ = writeln!(out, "<node id=\"n{j}\"><data key=\"name\">{name}</data></node>");
        }
        for e in self.edges() {
            let _ = writeln!(
                out,
                "<edge source=\"n{}\" target=\"n{}\"><data key=\"partial\">{}</data><data key=\"precision\">{}</data></edge>",
                e.i, e.j, e.partial_correlation, e.precision
            );
        }
        out.push_str("</graph>\n</graphml>\n");
        out
    }

    /// The graph in the language of Graphviz: `neato -Tsvg`. Lines are as wide as partial correlations are strong; negative
    /// ones are dashed.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let s = array![[1.0, -0.6], [-0.6, 1.0]];
    /// let dot = GraphicalLasso::new(0.1).fit_covariance(&s)?.to_dot();
    /// assert!(dot.contains("n0 -- n1") && dot.contains("dashed"));
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn to_dot(&self) -> String {
        let mut out = String::from("graph {\n");
        for j in 0..self.precision().ncols() {
            let name = self.variable_name(j).replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = writeln!(out, "  n{j} [label=\"{name}\"];");
        }
        for e in self.edges() {
            let style = if e.partial_correlation < 0.0 { "dashed" } else { "solid" };
            let size = e.partial_correlation.abs();
            // Graphviz wants weights that are whole numbers from 1.
            let (weight, width) = (1.0 + (99.0 * size).round(), 0.5 + 4.5 * size);
            let _ = writeln!(
                out,
                "  n{} -- n{} [partial={}, weight={weight}, penwidth={width:.2}, style={style}];",
                e.i, e.j, e.partial_correlation
            );
        }
        out.push_str("}\n");
        out
    }
}

/// Text between tags: what XML reserves is escaped, what it forbids (most control characters) becomes U+FFFD.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\t' | '\n' => out.push(c),
            '\r' => out.push_str("&#13;"), // as it is, readers make it a line feed
            c if c < ' ' || matches!(c, '\u{FFFE}' | '\u{FFFF}') => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}
