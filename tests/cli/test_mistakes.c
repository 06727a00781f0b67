/* Each mistake in a configuration or on the command line: one message that says where and what, and its exit
 * status. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "run/h5.h"
#include "scratch.h"

typedef struct mistake {
    const char *name;
    const char *find, *replace; /* in quick_config; find NULL: `replace` is the file, or unchanged if NULL */
    const char *arguments;      /* after `run c.yaml --out out` */
    const char *message[3];     /* parts of standard error */
    int status;
} mistake;

#define PDE(problem, network)                                                                                \
    "problem: {" problem "}\nnetwork: {" network "}\nphases:\n  - {steps: 1, optimizer: {kind: sgd}}\n"

static const mistake mistakes[] = {
    {"nearest key",
     "damping:",
     "dampin:",
     "",
     {"c.yaml:6: unknown key `dampin` in phases.0.optimizer; did you mean `damping`?"},
     2},
    {"unknown top key", "observe:", "observers:", "", {"c.yaml:9: unknown key `observers`", "`observe`"}, 2},
    {"unknown key, none near",
     "name: quick",
     "zzzz: 1",
     "",
     {"c.yaml:1: unknown key `zzzz`; known are name"},
     2},
    {"no such kind", "kind: adam", "kind: adm", "", {"c.yaml:8: phases.1.optimizer.kind", "`adam`"}, 2},
    {"no such problem",
     "multi_sine_1d",
     "sinus",
     "",
     {"problem.kind cannot be `sinus`; known are arrays, idx"},
     2},
    {"key of another kind",
     "kind: adam}",
     "kind: adam, momentum: 0.5}",
     "",
     {"c.yaml:8: key `momentum` in phases.1.optimizer does not belong to kind adam, only to sgd"},
     2},
    {"step size of another rule",
     "kind: adam}",
     "kind: adam, step_size: {kind: stability}}",
     "",
     {"c.yaml:8: key `step_size` in phases.1.optimizer does not belong to kind adam, only to sgd"},
     2},
    {"step size and momentum",
     "kind: adam}",
     "kind: sgd, momentum: 0.9, step_size: {kind: stability}}",
     "",
     {"c.yaml", "step_size sets the length of a step along the plain gradient: without momentum"},
     2},
    {"no damping to match",
     "kind: adam}",
     "kind: sgd, step_size: {kind: trace}}",
     "",
     {"c.yaml:8: key `damping` is missing in phases.1.optimizer.step_size"},
     2},
    {"nothing to follow",
     "kind: adam}",
     "kind: sgd, step_size: {kind: recorded_norm}}",
     "",
     {"c.yaml:8: key `reference` is missing in phases.1.optimizer.step_size"},
     2},
    {"no power iteration",
     "kind: adam}",
     "kind: sgd, step_size: {kind: stability, iterations: 0}}",
     "",
     {"c.yaml:8: phases.1.optimizer.step_size.iterations is 0", "[1, 100000]"},
     2},
    {"no such clock",
     "observe:",
     "plot: {kind: metrics, x: hours}\nobserve:",
     "",
     {"c.yaml:9: plot.x cannot be `hours`; known are step, seconds, passes, progress"},
     2},
    {"clock of another figure",
     "observe:",
     "plot: {kind: fourier, x: passes}\nobserve:",
     "",
     {"c.yaml:9: key `x` in plot does not belong to kind fourier, only to metrics"},
     2},
    {"negative damping",
     "value: 0.1",
     "value: -0.1",
     "",
     {"c.yaml:6: phases.0.optimizer.damping.value is -0.1", "[0, inf)"},
     2},
    {"damping is text", "value: 0.1", "value: much", "", {"damping.value is `much`; it must be a number"}, 2},
    {"quoted number", "value: 0.1", "value: \"0.1\"", "", {"without quotes"}, 2},
    {"not a number", "value: 0.1", "value: .nan", "", {"damping.value is .nan; it must be finite"}, 2},
    {"infinite", "value: 0.1", "value: inf", "", {"it must be finite"}, 2},
    {"overflow", "value: 0.1", "value: 1e999", "", {"it must be finite"}, 2},
    {"width 0", "[1, 8, 1]", "[1, 0, 1]", "", {"c.yaml:3: network.widths.1 is 0; it must be in [1,"}, 2},
    {"one width", "[1, 8, 1]", "[1]", "", {"network.widths needs two numbers or more"}, 2},
    {"widths is no list", "[1, 8, 1]", "8", "", {"network.widths must be a list"}, 2},
    {"transformer against the data",
     NULL,
     "problem: {kind: modular_addition, modulus: 5, encoding: tokens}\n"
     "network: {kind: transformer, width: 8, heads: 2, vocabulary: 6, context: 4}\n"
     "phases: [{steps: 1, optimizer: {kind: sgd}}]\n",
     "",
     {"c.yaml:2: the transformer takes network.context = 4 tokens and gives read * vocabulary = 6 outputs",
      "4 features and 7 targets"},
     2},
    {"heads that do not divide the width",
     NULL,
     "problem: {kind: modular_addition, modulus: 5, encoding: tokens}\n"
     "network: {kind: transformer, width: 8, heads: 3, vocabulary: 7, context: 4}\n"
     "phases: [{steps: 1, optimizer: {kind: sgd}}]\n",
     "",
     {"c.yaml:2", "a width of 8 does not divide among 3 heads"},
     2},
    {"transformer without its context",
     NULL,
     "problem: {kind: modular_addition, modulus: 5, encoding: tokens}\n"
     "network: {kind: transformer, vocabulary: 7}\n"
     "phases: [{steps: 1, optimizer: {kind: sgd}}]\n",
     "",
     {"c.yaml:2: key `context` is missing"},
     2},
    {"positions against classes",
     NULL,
     "problem: {kind: modular_addition, modulus: 5, encoding: equations}\n"
     "network: {kind: transformer, width: 8, heads: 2, vocabulary: 16, context: 6, read: 1}\n"
     "loss: {kind: cross_entropy}\n"
     "phases: [{steps: 1, optimizer: {kind: sgd}}]\n",
     "",
     {"c.yaml:2: the network reads 1 position, but the data have 2 classes a sample"},
     2},
    {"a vocabulary that is too small",
     NULL,
     "problem: {kind: modular_addition, modulus: 5, encoding: equations, vocabulary: 7}\n"
     "network: {kind: transformer, width: 8, heads: 2, vocabulary: 7, context: 6, read: 2}\n"
     "phases: [{steps: 1, optimizer: {kind: sgd}}]\n",
     "",
     {"c.yaml:1: modular_addition: a vocabulary of 7; the equations have 8 tokens"},
     2},
    {"no such encoding",
     NULL,
     "problem: {kind: modular_addition, encoding: words}\n"
     "network: {kind: quadratic}\n"
     "phases: [{steps: 1, optimizer: {kind: sgd}}]\n",
     "",
     {"c.yaml:1: problem.encoding cannot be `words`; known are one_hot, tokens, equations"},
     2},
    {"tokens that are none of the network's",
     NULL,
     "problem: {kind: modular_addition, modulus: 5, encoding: equations, vocabulary: 9}\n"
     "network: {kind: transformer, width: 8, heads: 2, vocabulary: 6, context: 6, read: 3}\n"
     "phases: [{steps: 1, optimizer: {kind: sgd}}]\n",
     "",
     {"c.yaml:2: input 0 of sample 0 is 7: tokens are whole numbers from 0 to 5"},
     2},
    {"a modulus that is too small",
     NULL,
     "problem: {kind: modular_addition, modulus: 1}\n"
     "network: {kind: quadratic}\n"
     "phases: [{steps: 1, optimizer: {kind: sgd}}]\n",
     "",
     {"c.yaml:1: problem.modulus is 1; it must be in [2, 65535]"},
     2},
    {"a fraction of nothing",
     NULL,
     "problem: {kind: modular_addition, modulus: 2, train_fraction: 0.1}\n"
     "network: {kind: quadratic}\n"
     "phases: [{steps: 1, optimizer: {kind: sgd}}]\n",
     "",
     {"c.yaml:1: ", "a train_fraction of 0.1 of 4 pairs leaves nothing to train on"},
     2},
    {"a quadratic network's widths",
     NULL,
     "problem: {kind: modular_addition, modulus: 5}\n"
     "network: {kind: quadratic, widths: [10, 4, 5]}\n"
     "phases: [{steps: 1, optimizer: {kind: sgd}}]\n",
     "",
     {"c.yaml:2: key `widths` in network does not belong to kind quadratic, only to mlp"},
     2},
    {"a committee of several outputs",
     NULL,
     "problem: {kind: modular_addition, modulus: 5}\n"
     "network: {kind: committee}\n"
     "phases: [{steps: 1, optimizer: {kind: sgd}}]\n",
     "",
     {"c.yaml:2: this kind of network gives 1 output, but the data have 5 targets a sample"},
     2},
    {"a committee's alpha",
     NULL,
     "problem: {kind: polynomial, features: 4, points: 9}\n"
     "network: {kind: committee, alpha: 0}\n"
     "phases: [{steps: 1, optimizer: {kind: sgd}}]\n",
     "",
     {"c.yaml:2: network.alpha is 0; it must be in (0, inf)"},
     2},
    {"a polynomial of no points",
     NULL,
     "problem: {kind: polynomial, features: 4, points: 0}\n"
     "network: {kind: committee}\n"
     "phases: [{steps: 1, optimizer: {kind: sgd}}]\n",
     "",
     {"c.yaml:1: problem.points is 0 (points); it must be in [1,"},
     2},
    {"cross-entropy without classes",
     NULL,
     "problem: {kind: polynomial, features: 4, points: 9}\n"
     "network: {kind: committee}\n"
     "loss: {kind: cross_entropy}\n"
     "phases: [{steps: 1, optimizer: {kind: sgd}}]\n",
     "",
     {"c.yaml:3: loss.kind cross_entropy needs classes"},
     2},
    {"widths against the data",
     "[1, 8, 1]",
     "[2, 8, 3]",
     "",
     {"c.yaml:3: network.widths goes from 2 to 3, but the data have 1 features and 1 targets", "[1, ..., 1]"},
     2},
    {"steps 0", "steps: 12", "steps: 0", "", {"c.yaml:5: phases.0.steps is 0 (steps); it must be in [1,"}, 2},
    {"steps fraction", "steps: 12", "steps: 1.5", "", {"phases.0.steps is `1.5`; it must be an integer"}, 2},
    {"steps huge", "steps: 12", "steps: 99999999999999999999999", "", {"phases.0.steps is 9999"}, 2},
    {"steps hexadecimal", "steps: 12", "steps: 0x10", "", {"it must be an integer"}, 2},
    {"rate 0",
     "kind: adam}",
     "kind: adam, learning_rate: 0}",
     "",
     {"learning_rate is 0; it must be in (0, inf)"},
     2},
    {"momentum 1",
     "kind: adam}",
     "kind: sgd, momentum: 1.0}",
     "",
     {"momentum is 1.0; it must be in [0, 1)"},
     2},
    {"momentum -1", "kind: adam}", "kind: sgd, momentum: -0.1}", "", {"momentum is -0.1"}, 2},
    {"cadence",
     "every: 5",
     "every: often",
     "",
     {"observe.1.every is `often`; it must be `log` or an integer"},
     2},
    {"cadence 0", "every: 5", "every: 0", "", {"observe.1.every is 0"}, 2},
    {"too many modes", "modes: 4", "modes: 400", "", {"c.yaml:11: ", "modes"}, 2},
    {"observer twice",
     "kind: fourier, modes: 4",
     "kind: norms",
     "",
     {"observe.1.kind `norms` is there twice"},
     2},
    {"missing key", "steps: 12\n    ", "", "", {"c.yaml:5: key `steps` is missing in phases.0"}, 2},
    {"missing section", "network: {kind: mlp, widths: [1, 8, 1]}\n", "", "", {"key `network` is missing"}, 2},
    {"missing kind", "kind: adam", "label: x", "", {"phases.1.optimizer needs `kind`; one of sgd, adam"}, 2},
    {"no value", "value: 0.1", "value: ", "", {"damping.value has no value"}, 2},
    {"section is a value", "{value: 0.1}", "0.1", "", {"phases.0.optimizer.damping must be a mapping"}, 2},
    {"no phases",
     NULL,
     "problem: {kind: multi_sine_1d}\nnetwork: {widths: [1, 1]}\nphases: []\n",
     "",
     {"c.yaml:3: phases is empty"},
     2},
    {"phases is a mapping",
     NULL,
     "problem: {kind: multi_sine_1d}\nnetwork: {widths: [1, 1]}\nphases: {a: 1}\n",
     "",
     {"c.yaml:3: phases must be a list"},
     2},
    {"key twice", "name: quick", "name: quick\nname: slow", "", {"c.yaml:2: key `name` is given twice"}, 2},
    {"no YAML", NULL, "problem: {kind: [\n", "", {"c.yaml:", "not valid YAML"}, 2},
    {"empty", NULL, "", "", {"c.yaml is empty"}, 2},
    {"a list", NULL, "- 1\n", "", {"c.yaml:1: the file must be a mapping"}, 2},
    {"aliases without end", NULL, "a: &a [*a, *a]\n", "", {"c.yaml:1: "}, 2},
    {"two documents", NULL, "name: a\n---\nname: b\n", "", {"c.yaml:3: a second document"}, 2},
    {"name with a slash", "name: quick", "name: a/b", "", {"c.yaml:1: name is `a/b`"}, 2},
    {"a PDE's widths",
     NULL,
     PDE("kind: poisson_2d", "widths: [3, 4, 1]"),
     "",
     {"c.yaml:2: the mlp takes 3 inputs, the PDE has 2 coordinates: make its first width 2"},
     2},
    {"a PDE's outputs", NULL, PDE("kind: burgers_1d", "widths: [2, 4, 2]"), "", {"make its last width 1"}, 2},
    {"a PDE centred",
     NULL,
     PDE("kind: helmholtz_2d", "widths: [2, 4, 1], centred: true"),
     "",
     {"cannot be centred"},
     2},
    {"a PDE's network",
     NULL,
     PDE("kind: poisson_2d", "kind: committee"),
     "",
     {"c.yaml:2: the problem is a PDE; of the networks only the mlp"},
     2},
    {"a PDE's text",
     NULL,
     PDE("kind: pde_2d, residual: u_xx + u_zz, solution: x", "widths: [2, 4, 1]"),
     "",
     {"c.yaml:1: the residual `u_xx + u_zz`, column 8: `u_zz` is not known; known are pi, x, y, u"},
     2},
    {"a PDE without a text",
     NULL,
     PDE("kind: pde_2d, residual: u_xx + u_yy", "widths: [2, 4, 1]"),
     "",
     {"key `solution` is missing in problem"},
     2},
    {"a preconditioner without damping",
     "kind: adam}",
     "kind: gauss_newton, solver: cg, cg: {preconditioner: kfac}}",
     "",
     {"c.yaml:", "cg.preconditioner needs damping, which gauss_newton has not"},
     2},
    {"a power beyond its range",
     "kind: adam}",
     "kind: fractional, exponent: 2}",
     "",
     {"phases.1.optimizer.exponent is 2"},
     2},
    {"a power with a schedule",
     "kind: adam}",
     "kind: fractional, damping: {kind: scheduled}}",
     "",
     {"fractional takes damping.kind constant or relative"},
     2},
    {"lbfgs on parts of the data",
     "kind: adam}",
     "kind: lbfgs}",
     "--set batch.size=8",
     {"phase 1: lbfgs compares gradients", "batch.size full"},
     2},
    {"lbfgs without memory",
     "kind: adam}",
     "kind: lbfgs, memory: 0}",
     "",
     {"phases.1.optimizer.memory is 0"},
     2},
    {"grokfast and another gradient",
     "kind: adam}",
     "kind: adam, gradient: orthogonal, grokfast: {gain: 2}}",
     "",
     {"grokfast and gradient both change it: take one"},
     2},
    {"a line search along another gradient",
     "kind: adam}",
     "kind: sgd, gradient: column_normalized, line_search: {kind: armijo}}",
     "",
     {"line_search follows the loss's own gradient: not with gradient"},
     2},
    {"an unknown gradient",
     "kind: adam}",
     "kind: sgd, gradient: orthonormal}",
     "",
     {"phases.1.optimizer.gradient", "orthogonal"},
     2},
    {"a gradient of a second-order rule",
     "kind: adam}",
     "kind: ggn, gradient: orthogonal}",
     "",
     {"key `gradient`", "does not belong to kind ggn"},
     2},
    {"acceleration of a rule without damping",
     "kind: adam}",
     "kind: adam, acceleration: {kind: geodesic}}",
     "",
     {"key `acceleration`", "does not belong to kind adam"},
     2},
    {"acceleration and a line search",
     "kind: adam}",
     "kind: ggn, acceleration: {kind: geodesic}, line_search: {kind: armijo}}",
     "",
     {"acceleration bends the step, a line search follows a line"},
     2},
    {"acceleration by a difference over nothing",
     "kind: adam}",
     "kind: ggn, acceleration: {kind: geodesic, h: 0}}",
     "",
     {"phases.1.optimizer.acceleration.h is 0"},
     2},
    {"panels of no key",
     NULL,
     NULL,
     "--set 'plot={kind: metrics, panels: phases.0.optimiser}'",
     {"plot.panels is `phases.0.optimiser`, which is no key of this configuration"},
     2},
    {"h1 without a PDE",
     NULL,
     NULL,
     "--set 'observe=[{kind: solution, h1: true}]' --set plot.kind=none",
     {"solution: h1 needs the derivatives of an exact solution, which only PDEs have"},
     2},
    {"both bounds of an end",
     "  - steps: 20\n",
     "  - steps: 20\n    until: {metric: loss_train, below: 1, above: 2}\n",
     "",
     {"c.yaml:8: phases.1.until has `below` and `above`; take one away"},
     2},
    {"no bound of an end",
     NULL,
     NULL,
     "--set 'phases.0.switch={signal: drift}'",
     {"phases.0.switch needs `below` or `above`"},
     2},
    {"a bound without value",
     "  - steps: 20\n",
     "  - steps: 20\n    until: {metric: loss_train, below: }\n",
     "",
     {"phases.1.until.below has no value"},
     2},
    {"an end by no metric",
     NULL,
     NULL,
     "--set phases.0.until.below=1",
     {"`metric` is missing in phases.0.until"},
     2},
    {"an end that waits for nothing",
     NULL,
     NULL,
     "--set 'phases.0.stagnation={metric: loss_train}'",
     {"`for` is missing in phases.0.stagnation: without a better value"},
     2},
    {"an unknown signal",
     NULL,
     NULL,
     "--set 'phases.0.switch={signal: drif, above: 0.1}'",
     {"phases.0.switch.signal cannot be `drif`; did you mean `drift`?"},
     2},
    {"a signal that none gives",
     "  - steps: 20\n",
     "  - steps: 20\n    switch: {signal: drift, above: 0.1, for: 3}\n",
     "",
     {"c.yaml:8: phases.1.switch.signal is `drift`, which none of the observers gives; add `- {kind: ntk}` "
      "under observe"},
     2},
    {"a gap without a companion",
     "  - steps: 20\n",
     "  - steps: 20\n    switch: {signal: linearisation_gap, above: 0.1}\n",
     "--set 'observe=[{kind: drift, every: 5}]'",
     {"c.yaml:8: phases.1.switch.signal is `linearisation_gap`, which none of the observers gives; add `- "
      "{kind: drift, companion: true}` under observe"},
     2},
    {"an end by classes that are not there",
     NULL,
     NULL,
     "--set 'phases.1.until={metric: accuracy_test, above: 0.9}'",
     {"phase 1 is to end by accuracy_test, but the data have no classes; take a loss"},
     2},
    {"labels",
     "kind: adam}",
     "kind: adam, label: levenberg_marquardt}",
     "--set phases.0.optimizer.label=levenberg_marquardt",
     {"is taken by another phase"},
     2},
    {"missing file",
     "{kind: multi_sine_1d, points: 20, test_points: 10}",
     "{kind: arrays, file: no.h5}",
     "",
     {"c.yaml:2: problem.file: ", "/no.h5: No such file"},
     2},
    {"file is no HDF5",
     "{kind: multi_sine_1d, points: 20, test_points: 10}",
     "{kind: arrays, file: c.yaml}",
     "",
     {"c.yaml:2: ", "is not an HDF5 file"},
     2},
    {"test inputs alone",
     "{kind: multi_sine_1d, points: 20, test_points: 10}",
     "{kind: arrays, file: c.yaml, test_inputs: /x}",
     "",
     {"problem.test_inputs needs test_targets too"},
     2},
    {"missing folder",
     "{kind: multi_sine_1d, points: 20, test_points: 10}",
     "{kind: idx, folder: nowhere}",
     "",
     {"problem.folder: ", "/nowhere: No such file"},
     2},
    {"zero points",
     "points: 20",
     "points: 0",
     "",
     {"c.yaml:2: problem.points is 0 (points); it must be in [1,"},
     2},
    {"points beyond memory", "points: 20", "points: 1000000000000", "", {"TiB"}, 1},
    {"plot without observer",
     "  - {kind: fourier, modes: 4, every: 5}\n",
     "plot: {kind: fourier}\n",
     "",
     {"plot.kind `fourier` needs"},
     2},
    {"plot of no metric",
     "observe:",
     "plot: {kind: metrics, metrics: [loss_trian]}\nobserve:",
     "",
     {"plot.metrics.0 cannot be `loss_trian`; did you mean `loss_train`?"},
     2},
    {"armijo for adam",
     "kind: adam}",
     "kind: adam, line_search: {kind: armijo}}",
     "",
     {"key `line_search`", "does not belong to kind adam"},
     2},
    {"armijo with momentum",
     "kind: adam}",
     "kind: sgd, momentum: 0.5, line_search: {kind: armijo}}",
     "",
     {"descent direction"},
     2},
    {"gain ratio bounds",
     "value: 0.1",
     "kind: gain_ratio, value: 0.1, maximum: 0.01",
     "",
     {"it must be from minimum (1e-12) to maximum (0.01)"},
     2},
    {"no such device", NULL, NULL, "--device gpu", {"--device=gpu: ", "gpu"}, 2},
    {"seed", NULL, NULL, "--seed -1", {"--seed=-1: seed is -1"}, 2},
    {"set without value", NULL, NULL, "--set seed", {"--set seed: write KEY=VALUE"}, 2},
    {"set unknown key",
     NULL,
     NULL,
     "--set sed=1",
     {"--set sed=1: unknown key `sed`; did you mean `seed`?"},
     2},
    {"set beyond a list",
     NULL,
     NULL,
     "--set phases.7.steps=1",
     {"--set phases.7.steps=1: index 7 is out of range: `phases` has 2 entries"},
     2},
    {"set into a list", NULL, NULL, "--set phases.x=1", {"`phases` is a list; give a number from 0 to 1"}, 2},
    {"set into a value", NULL, NULL, "--set seed.x=1 --set seed=1 --set seed.x=2", {"`seed` is a value"}, 2},
    {"set out of range",
     NULL,
     NULL,
     "--set phases.0.optimizer.damping.value=-3",
     {"--set phases.0.optimizer.damping.value=-3: ", "is -3"},
     2},
    {"set no YAML", NULL, NULL, "--set 'seed=['", {"--set seed=[: not valid YAML"}, 2},
    {"a grid", "observe:", "sweep:\n  - {key: seed, values: [0, 1]}\nobserve:", "", {"use gnewt sweep"}, 2},
    {"unknown option", NULL, NULL, "--sed 1", {"unknown option --sed; did you mean"}, 2},
    {"option without value", NULL, NULL, "--device", {"--device needs a value"}, 2},
    {"value too many", NULL, NULL, "--quiet=yes", {"wrong option --quiet; it takes no value"}, 2},
    {"two configurations", NULL, NULL, "d.yaml", {"`d.yaml` is one argument too many"}, 2},
    {"out cannot be made", NULL, NULL, "--out c.yaml/run", {"cannot make the folder"}, 1},
    {"plot of a curvature that nobody observes",
     "observe:",
     "plot: {kind: curvature}\nobserve:",
     "",
     {"plot.kind `curvature` needs `- {kind: curvature}`"},
     2},
    {"a threshold of 2",
     "kind: norms",
     "kind: generalisation, thresholds: [0.5, 2]",
     "",
     {"c.yaml:10: observe.0.thresholds.1 is 2; it must be in (0, 1]"},
     2},
    {"a threshold alone",
     "kind: norms",
     "kind: generalisation, thresholds: 0.5",
     "",
     {"observe.0.thresholds must be a list"},
     2},
    {"generalisation without a test set",
     "test_points: 10}",
     "test_points: 0}",
     "--set observe.0.kind=generalisation",
     {"c.yaml", "generalisation needs a test set"},
     2},
    {"curvature of too many points",
     "kind: norms",
     "kind: curvature, points: 21",
     "",
     {"c.yaml:10: curvature: points is 21, but there are 20 training samples"},
     2},
    {"no products", "kind: norms", "kind: curvature, probes: 0", "", {"observe.0.probes is 0 (products)"}, 2},
};

static void make_config(const char *folder, const mistake *m) {
    char text[4096];
    const char *at = m->find == NULL ? NULL : strstr(quick_config, m->find);
    if (m->find != NULL) {
        cr_assert_not_null(at, "%s: `%s` is not in the configuration", m->name, m->find);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - quick_config), quick_config, m->replace,
                 at + strlen(m->find));
    } else {
        snprintf(text, sizeof text, "%s", m->replace != NULL ? m->replace : quick_config);
    }
    write_file(folder, "c.yaml", text);
}

/* By number: pointers do not reach the process that runs a test. */
ParameterizedTestParameters(mistakes, message) {
    enum { COUNT = sizeof mistakes / sizeof *mistakes };
    static size_t numbers[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        numbers[i] = i;
    return cr_make_param_array(size_t, numbers, COUNT);
}

ParameterizedTest(const size_t *number, mistakes, message, .timeout = 60) {
    const mistake *m = &mistakes[*number];
    char folder[256], arguments[512];
    scratch_create(folder, sizeof folder);
    make_config(folder, m);
    snprintf(arguments, sizeof arguments, "run c.yaml --out out %s", m->arguments);
    command_result result = command(folder, arguments);
    cr_expect_eq(result.status, m->status, "%s: exit status %d: %s", m->name, result.status, result.err);
    for (int i = 0; i < 3 && m->message[i] != NULL; i++)
        cr_expect(strstr(result.err, m->message[i]) != NULL, "%s: no `%s` in: %s", m->name, m->message[i],
                  result.err);
    const char *line = strchr(result.err, '\n');
    cr_expect(line != NULL && (line[1] == '\0' || strstr(line, "usage:") != NULL), "%s: one line, not: %s",
              m->name, result.err);
    cr_expect_not(file_exists(folder, "out"), "%s: a run directory was made", m->name);
    scratch_remove(folder);
}

/* Arrays of 4 rows but for /short; /bad has a NaN in row 2. */
static void write_data(const char *folder) {
    char path[512];
    gn_message message = {0};
    gn_h5 *file;
    const double values[4] = {0, 0.25, 0.5, 0.75}, bad[4] = {0, 1, NAN, 3};
    const size_t shape[2] = {4, 1}, less[2] = {3, 1}, wide[2] = {2, 2};
    snprintf(path, sizeof path, "%s/d.h5", folder);
    cr_assert_eq(gn_h5_create(path, &file, &message), GN_OK, "%s", message.text);
    cr_assert_eq(gn_h5_write(file, "/x", 2, shape, values, &message), GN_OK);
    cr_assert_eq(gn_h5_write(file, "/short", 2, less, values, &message), GN_OK);
    cr_assert_eq(gn_h5_write(file, "/wide", 2, wide, values, &message), GN_OK);
    cr_assert_eq(gn_h5_write(file, "/bad", 2, shape, bad, &message), GN_OK);
    cr_assert_eq(gn_h5_close(file, &message), GN_OK, "%s", message.text);
}

Test(mistakes, data_that_cannot_be_trained_on, .timeout = 60) {
    static const struct {
        const char *inputs, *targets, *message;
    } cases[] = {
        {"/x", "/no", "d.h5 holds no array /no; it holds /bad, /short, /wide, /x"},
        {"/x", "/short", "array /x is 4 x 1 and array /short is 3 x 1; they must have as many rows"},
        {"/x", "/bad", "array /bad holds nan at index [2, 0]; data must be finite"},
        {"/wide", "/wide", "the data have 2 features and 2 targets a sample; write [2, ..., 2]"},
    };
    char folder[256], text[1024];
    scratch_create(folder, sizeof folder);
    write_data(folder);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text,
                 "problem: {kind: arrays, file: d.h5, inputs: %s, targets: %s}\nnetwork: {widths: [1, 1]}\n"
                 "phases: [{steps: 1, optimizer: {kind: sgd}}]\n",
                 cases[i].inputs, cases[i].targets);
        write_file(folder, "c.yaml", text);
        command_result result = expect_command(folder, "run c.yaml --out out", 2);
        cr_expect(strncmp(result.err, "gnewt: c.yaml:", 14) == 0, "%s", result.err);
        cr_expect(strstr(result.err, cases[i].message) != NULL, "no `%s` in: %s", cases[i].message,
                  result.err);
        cr_expect_not(file_exists(folder, "out"), "a run directory was made");
    }
    scratch_remove(folder);
}

Test(mistakes, missing_configuration) {
    char folder[256];
    scratch_create(folder, sizeof folder);
    cr_expect(strstr(expect_command(folder, "run no.yaml", 2).err, "no.yaml: No such file") != NULL);
    cr_expect(strstr(expect_command(folder, "run .", 2).err, "directory") != NULL);
    cr_expect(strstr(expect_command(folder, "run", 2).err, "give a configuration") != NULL);
    cr_expect(strstr(expect_command(folder, "rum a.yaml", 2).err, "did you mean `run`?") != NULL);
    expect_command(folder, "", 2);
    scratch_remove(folder);
}
