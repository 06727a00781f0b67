// From a graph to its executable form, and running that. Nodes that nothing orders run in the order asked
// for.
#include "graph.h"

#include "block.h"
#include "state.h"

namespace hc {
namespace {

const char *type_name(cudaGraphNodeType type) {
    switch (type) {
    case cudaGraphNodeTypeHost:
        return "a host function";
    case cudaGraphNodeTypeWaitEvent:
    case cudaGraphNodeTypeEventRecord:
        return "an event";
    case cudaGraphNodeTypeMemAlloc:
    case cudaGraphNodeTypeMemFree:
        return "an allocation";
    default:
        return "";
    }
}

std::string body_obstacle(const CUgraph_st &body) {
    if (body.nodes.empty()) {
        return "the body of a conditional node is empty";
    }
    for (const auto &node : body.nodes) {
        std::string what = node->op ? node->op->not_in_body : "";
        if (what.empty()) {
            what = node->child_bad_in_body ? "a child graph that has what a body must not have"
                                           : type_name(node->type);
        }
        if (!what.empty()) {
            return "the body of a conditional node contains " + what;
        }
    }
    return obstacle(body);
}

// The node to run next, of those that are ready.
size_t choose(const std::vector<size_t> &ready) {
    switch (settings().order) {
    case HOST_CUDA_REVERSE:
        return ready.size() - 1;
    case HOST_CUDA_RANDOM:
        return random_below(static_cast<unsigned>(ready.size()));
    default:
        return 0;
    }
}

void run_while(const ExecNode &node) {
    unsigned long iterations = 0;
    while (node.condition->value != 0 && !sticky_error()) {
        if (iterations++ == settings().while_limit) {
            violation("a WHILE node was still set after %lu iterations", settings().while_limit);
            set_sticky_error(cudaErrorLaunchTimeout);
            return;
        }
        counter(HOST_CUDA_WHILE_ITERATIONS)++;
        run_graph(*node.bodies[0]);
    }
}

void run_conditional(const ExecNode &node) {
    unsigned value = node.condition->value;
    size_t body = node.condition_type == cudaGraphCondTypeIf ? (value ? 0 : 1) : value;
    if (node.condition_type == cudaGraphCondTypeWhile) {
        run_while(node);
    } else if (body < node.bodies.size()) {
        run_graph(*node.bodies[body]);
    }
}

void run_node(const ExecNode &node) {
    if (node.op) {
        tsan_acquire(node.op.get());
        node.op->run();
        tsan_release(node.op.get());
    } else if (node.child) {
        run_graph(*node.child);
    } else if (node.type == cudaGraphNodeTypeConditional) {
        run_conditional(node);
    }
}

void set_active(const Exec &exec, bool active) {
    for (const ExecNode &node : exec.nodes) {
        if (!node.condition) {
            continue;
        }
        node.condition->active = active;
        if (active && node.condition->assign_default) {
            node.condition->value = node.condition->default_value;
        }
    }
}

bool is_chain(const Exec &exec) {
    for (size_t i = 1; i < exec.nodes.size(); i++) {
        const std::vector<size_t> &dependencies = exec.nodes[i].dependencies;
        if (dependencies.size() != 1 || dependencies[0] != i - 1) {
            return false;
        }
    }
    return true;
}

// Under TSan each node has a clock of its own, ordered only after the nodes that it depends on. A chain needs
// none.
void run_ordered(const Exec &exec, size_t index, bool chain, std::vector<const void *> &finished) {
    const ExecNode &node = exec.nodes[index];
    if (!tsan() || chain) {
        run_node(node);
        return;
    }
    void *fiber = tsan_create("graph node");
    {
        TsanScope scope(fiber);
        for (size_t dependency : node.dependencies) {
            tsan_acquire(finished[dependency]);
        }
        run_node(node);
        finished[index] = tsan_fresh_address();
        tsan_release(finished[index]);
    }
    tsan_forget_launcher(fiber);
    tsan_destroy(fiber);
}

} // namespace

std::shared_ptr<Exec> make_exec(const CUgraph_st &graph) {
    auto exec = std::make_shared<Exec>();
    for (const auto &node : graph.nodes) {
        ExecNode made = {node->type, node->op, {}, node->condition, node->condition_type, {}, node->child};
        for (cudaGraphNode_t dependency : node->dependencies) {
            made.dependencies.push_back(dependency->index);
        }
        for (cudaGraph_t body : node->bodies) {
            made.bodies.push_back(make_exec(*body));
        }
        exec->nodes.push_back(std::move(made));
    }
    return exec;
}

bool has_conditions(const CUgraph_st &graph) {
    for (const auto &node : graph.nodes) {
        if (node->condition) {
            return true;
        }
    }
    return false;
}

std::string obstacle(const CUgraph_st &graph) {
    for (const auto &node : graph.nodes) {
        for (cudaGraph_t body : node->bodies) {
            std::string why = body_obstacle(*body);
            if (!why.empty()) {
                return why;
            }
        }
    }
    return "";
}

void run_graph(const Exec &exec) {
    set_active(exec, true);
    bool chain = is_chain(exec);
    size_t count = exec.nodes.size();
    std::vector<size_t> missing(count), ready;
    std::vector<std::vector<size_t>> followers(count);
    std::vector<const void *> finished(count, nullptr);
    for (size_t i = 0; i < count; i++) {
        missing[i] = exec.nodes[i].dependencies.size();
        for (size_t dependency : exec.nodes[i].dependencies) {
            followers[dependency].push_back(i);
        }
        if (missing[i] == 0) {
            ready.push_back(i);
        }
    }
    while (!ready.empty() && !sticky_error()) {
        size_t place = choose(ready);
        size_t index = ready[place];
        ready.erase(ready.begin() + static_cast<ptrdiff_t>(place));
        run_ordered(exec, index, chain, finished);
        for (size_t follower : followers[index]) {
            if (--missing[follower] == 0) {
                ready.push_back(follower);
            }
        }
    }
    for (const void *address : finished) {
        if (address) {
            tsan_acquire(address);
        }
    }
    set_active(exec, false);
}

bool same_shape(const Exec &a, const Exec &b) {
    if (a.nodes.size() != b.nodes.size()) {
        return false;
    }
    for (size_t i = 0; i < a.nodes.size(); i++) {
        const ExecNode &x = a.nodes[i], &y = b.nodes[i];
        bool same = x.type == y.type && x.dependencies == y.dependencies && x.condition == y.condition &&
                    x.bodies.size() == y.bodies.size() && !x.child == !y.child &&
                    (!x.child || same_shape(*x.child, *y.child));
        for (size_t k = 0; same && k < x.bodies.size(); k++) {
            same = same_shape(*x.bodies[k], *y.bodies[k]);
        }
        if (!same) {
            return false;
        }
    }
    return true;
}

} // namespace hc

extern "C" void cudaGraphSetConditional(cudaGraphConditionalHandle handle, unsigned int value) {
    hc::TsanIgnore ignore;
    std::shared_ptr<hc::Condition> condition = hc::condition_of(handle);
    if (!condition || !condition->active) {
        hc::violation("%s: cudaGraphSetConditional with a handle whose graph is not running",
                      hc::where_am_i().c_str());
        return;
    }
    condition->value = value;
}
