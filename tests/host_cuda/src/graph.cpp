// Building graphs, and the life of graphs and executables. Running them is in graph_run.cpp.
#include "graph.h"

#include <algorithm>
#include <map>
#include <set>

#include "objects.h"
#include "state.h"

using namespace hc;

namespace hc {
namespace {

std::map<cudaGraphConditionalHandle, std::weak_ptr<Condition>> &conditions() {
    static auto *all = new std::map<cudaGraphConditionalHandle, std::weak_ptr<Condition>>;
    return *all;
}

std::set<cudaGraph_t> &graphs() // bodies too, which are not objects of the program's own
{
    static auto *all = new std::set<cudaGraph_t>;
    return *all;
}

std::set<cudaGraphExec_t> &execs() {
    static auto *all = new std::set<cudaGraphExec_t>;
    return *all;
}

bool check_graph(cudaGraph_t graph) {
    if (graph && graphs().count(graph)) {
        return true;
    }
    violation("a graph handle was used that is not a live graph");
    return false;
}

bool check_exec(cudaGraphExec_t exec) {
    if (exec && object_alive(exec, Kind::exec)) {
        return true;
    }
    violation("an executable graph was used that is not alive");
    return false;
}

cudaError_t take_dependencies(cudaGraph_t graph, const cudaGraphNode_t *list, size_t count,
                              std::vector<cudaGraphNode_t> *out) {
    if (!check_graph(graph) || (count > 0 && !list)) {
        return fail(cudaErrorInvalidValue, "adding a node: bad graph or dependencies");
    }
    for (size_t i = 0; i < count; i++) {
        if (!list[i] || list[i]->graph != graph) {
            return fail(cudaErrorInvalidValue, "adding a node: dependency %zu is not a node of this graph",
                        i);
        }
        out->push_back(list[i]);
    }
    return cudaSuccess;
}

cudaError_t add_conditional(cudaGraphNode_t *result, cudaGraph_t graph,
                            std::vector<cudaGraphNode_t> dependencies, cudaConditionalNodeParams *params) {
    std::shared_ptr<Condition> condition = condition_of(params->handle);
    if (!condition || condition->graph != graph || condition->used) {
        return fail(cudaErrorInvalidValue,
                    "a conditional node's handle must be of its graph and of no other node");
    }
    unsigned most = params->type == cudaGraphCondTypeWhile ? 1 : params->type == cudaGraphCondTypeIf ? 2 : 64;
    if (params->size < 1 || params->size > most) {
        return fail(cudaErrorInvalidValue, "a conditional node of type %d cannot have %u bodies",
                    params->type, params->size);
    }
    cudaGraphNode_t node = add_node(graph, cudaGraphNodeTypeConditional, std::move(dependencies));
    node->condition = condition;
    node->condition_type = params->type;
    condition->used = true;
    for (unsigned i = 0; i < params->size; i++) {
        node->bodies.push_back(new_graph(true));
    }
    params->phGraph_out = node->bodies.data();
    *result = node;
    return cudaSuccess;
}

cudaError_t add_child(cudaGraphNode_t *result, cudaGraph_t graph, std::vector<cudaGraphNode_t> dependencies,
                      cudaGraph_t child) {
    if (!check_graph(child) || has_conditions(*child)) {
        return fail(cudaErrorInvalidValue, "a child graph must be alive and have no conditional nodes");
    }
    cudaGraphNode_t node = add_node(graph, cudaGraphNodeTypeGraph, std::move(dependencies));
    node->child = make_exec(*child);
    for (const auto &inner : child->nodes) {
        node->child_bad_in_body |= inner->op && !inner->op->not_in_body.empty();
    }
    *result = node;
    return cudaSuccess;
}

bool padding_is_zero(const cudaGraphNodeParams &p) {
    return p.reserved0[0] == 0 && p.reserved0[1] == 0 && p.reserved0[2] == 0 && p.reserved2 == 0;
}

cudaError_t instantiate(cudaGraphExec_t *result, cudaGraph_t graph) {
    if (!result || !check_graph(graph) || graph->is_body) {
        return fail(cudaErrorInvalidValue, "instantiating: not a graph, or the body of a conditional node");
    }
    if (cudaError_t refused = refuse_in_capture("instantiating a graph")) {
        return fail(refused);
    }
    bool conditional = has_conditions(*graph);
    if (conditional && graph->instances > 0) {
        return fail(cudaErrorInvalidValue, "a graph with conditional nodes is instantiated already");
    }
    std::string why = obstacle(*graph);
    if (!why.empty()) {
        return fail(cudaErrorInvalidValue, "instantiating: %s", why.c_str());
    }
    auto *made = new CUgraphExec_st;
    made->graph = graph;
    made->exec = make_exec(*graph);
    made->conditional = conditional;
    graph->instances++;
    counter(HOST_CUDA_INSTANTIATIONS)++;
    execs().insert(made);
    object_created(made, Kind::exec);
    *result = made;
    return cudaSuccess;
}

} // namespace

void delete_graph(cudaGraph_t graph) {
    for (const auto &node : graph->nodes) {
        for (cudaGraph_t body : node->bodies) {
            delete_graph(body);
        }
    }
    graphs().erase(graph);
    for (cudaGraphExec_t exec : execs()) {
        exec->graph = exec->graph == graph ? nullptr : exec->graph;
    }
    delete graph;
}

cudaGraph_t new_graph(bool is_body) {
    auto *graph = new CUgraph_st;
    graph->is_body = is_body;
    graphs().insert(graph);
    return graph;
}

cudaGraphNode_t add_node(cudaGraph_t graph, cudaGraphNodeType type,
                         std::vector<cudaGraphNode_t> dependencies) {
    auto node = std::make_unique<CUgraphNode_st>();
    node->graph = graph;
    node->index = graph->nodes.size();
    node->type = type;
    node->dependencies = std::move(dependencies);
    graph->nodes.push_back(std::move(node));
    return graph->nodes.back().get();
}

std::shared_ptr<Condition> condition_of(cudaGraphConditionalHandle handle) {
    auto found = conditions().find(handle);
    return found == conditions().end() ? nullptr : found->second.lock();
}

void forget_graphs() {
    forget_captures();
    for (cudaGraphExec_t exec : execs()) {
        delete exec;
    }
    execs().clear();
    for (cudaGraph_t graph : graphs()) {
        delete graph;
    }
    graphs().clear();
    conditions().clear();
}

} // namespace hc

extern "C" {

cudaError_t cudaGraphCreate(cudaGraph_t *pGraph, unsigned int flags) {
    HC_API("cudaGraphCreate");
    if (!pGraph || flags != 0) {
        return fail(cudaErrorInvalidValue, "cudaGraphCreate: flags must be 0");
    }
    *pGraph = new_graph(false);
    object_created(*pGraph, Kind::graph);
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    Lock lock;
    cudaError_t injected = begin_anyway("cudaGraphDestroy");
    if (!check_graph(graph) || graph->is_body) {
        return fail(cudaErrorInvalidValue, "cudaGraphDestroy: not a graph, or owned by a conditional node");
    }
    object_destroyed(graph);
    delete_graph(graph);
    return fail(injected ? injected : sticky_error());
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *numNodes) {
    HC_API("cudaGraphGetNodes");
    if (!check_graph(graph) || !numNodes) {
        return fail(cudaErrorInvalidValue, "cudaGraphGetNodes: bad argument");
    }
    size_t count = graph->nodes.size();
    for (size_t i = 0; nodes && i < *numNodes; i++) {
        nodes[i] = i < count ? graph->nodes[i].get() : nullptr;
    }
    *numNodes = nodes ? std::min(*numNodes, count) : count;
    return cudaSuccess;
}

cudaError_t cudaGraphNodeGetType(cudaGraphNode_t node, enum cudaGraphNodeType *pType) {
    HC_API("cudaGraphNodeGetType");
    if (!node || !pType) {
        return fail(cudaErrorInvalidValue, "cudaGraphNodeGetType: null");
    }
    *pType = node->type;
    return cudaSuccess;
}

cudaError_t cudaGraphAddNode(cudaGraphNode_t *pGraphNode, cudaGraph_t graph,
                             const cudaGraphNode_t *pDependencies, const cudaGraphEdgeData *dependencyData,
                             size_t numDependencies, struct cudaGraphNodeParams *nodeParams) {
    HC_API("cudaGraphAddNode");
    (void)dependencyData;
    std::vector<cudaGraphNode_t> dependencies;
    if (cudaError_t error = take_dependencies(graph, pDependencies, numDependencies, &dependencies)) {
        return error;
    }
    if (!pGraphNode || !nodeParams || !padding_is_zero(*nodeParams)) {
        return fail(cudaErrorInvalidValue, "cudaGraphAddNode: cudaGraphNodeParams must start as zeros");
    }
    switch (nodeParams->type) {
    case cudaGraphNodeTypeConditional:
        return add_conditional(pGraphNode, graph, std::move(dependencies), &nodeParams->conditional);
    case cudaGraphNodeTypeGraph:
        return add_child(pGraphNode, graph, std::move(dependencies), nodeParams->graph.graph);
    case cudaGraphNodeTypeEmpty:
        *pGraphNode = add_node(graph, cudaGraphNodeTypeEmpty, std::move(dependencies));
        return cudaSuccess;
    default:
        return fail(cudaErrorNotSupported, "host_cuda: nodes of type %d come from captures only",
                    nodeParams->type);
    }
}

cudaError_t cudaGraphAddEmptyNode(cudaGraphNode_t *pGraphNode, cudaGraph_t graph,
                                  const cudaGraphNode_t *pDependencies, size_t numDependencies) {
    HC_API("cudaGraphAddEmptyNode");
    std::vector<cudaGraphNode_t> dependencies;
    if (cudaError_t error = take_dependencies(graph, pDependencies, numDependencies, &dependencies)) {
        return error;
    }
    *pGraphNode = add_node(graph, cudaGraphNodeTypeEmpty, std::move(dependencies));
    return cudaSuccess;
}

cudaError_t cudaGraphAddChildGraphNode(cudaGraphNode_t *pGraphNode, cudaGraph_t graph,
                                       const cudaGraphNode_t *pDependencies, size_t numDependencies,
                                       cudaGraph_t childGraph) {
    HC_API("cudaGraphAddChildGraphNode");
    std::vector<cudaGraphNode_t> dependencies;
    if (cudaError_t error = take_dependencies(graph, pDependencies, numDependencies, &dependencies)) {
        return error;
    }
    return add_child(pGraphNode, graph, std::move(dependencies), childGraph);
}

cudaError_t cudaGraphAddMemcpyNode1D(cudaGraphNode_t *pGraphNode, cudaGraph_t graph,
                                     const cudaGraphNode_t *pDependencies, size_t numDependencies, void *dst,
                                     const void *src, size_t count, enum cudaMemcpyKind kind) {
    HC_API("cudaGraphAddMemcpyNode1D");
    std::vector<cudaGraphNode_t> dependencies;
    if (cudaError_t error = take_dependencies(graph, pDependencies, numDependencies, &dependencies)) {
        return error;
    }
    std::shared_ptr<Op> op;
    if (cudaError_t error = make_copy_op(dst, src, count, kind, &op)) {
        return error;
    }
    tsan_release(op.get());
    *pGraphNode = add_node(graph, cudaGraphNodeTypeMemcpy, std::move(dependencies));
    (*pGraphNode)->op = std::move(op);
    return cudaSuccess;
}

cudaError_t cudaGraphConditionalHandleCreate(cudaGraphConditionalHandle *pHandle_out, cudaGraph_t graph,
                                             unsigned int defaultLaunchValue, unsigned int flags) {
    HC_API("cudaGraphConditionalHandleCreate");
    if (!pHandle_out || !check_graph(graph) || flags > cudaGraphCondAssignDefault) {
        return fail(cudaErrorInvalidValue, "cudaGraphConditionalHandleCreate: bad argument");
    }
    auto condition = std::make_shared<Condition>();
    condition->graph = graph;
    condition->default_value = defaultLaunchValue;
    condition->assign_default = flags == cudaGraphCondAssignDefault;
    graph->conditions.push_back(condition);
    *pHandle_out = reinterpret_cast<cudaGraphConditionalHandle>(condition.get());
    conditions()[*pHandle_out] = condition;
    return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *pGraphExec, cudaGraph_t graph, unsigned long long flags) {
    HC_API("cudaGraphInstantiate");
    (void)flags;
    return instantiate(pGraphExec, graph);
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *pGraphExec, cudaGraph_t graph,
                                          unsigned long long flags) {
    HC_API("cudaGraphInstantiateWithFlags");
    (void)flags;
    return instantiate(pGraphExec, graph);
}

cudaError_t cudaGraphUpload(cudaGraphExec_t graphExec, cudaStream_t stream) {
    HC_API("cudaGraphUpload");
    if (!check_exec(graphExec) || !stream_of(stream)) {
        return fail(cudaErrorInvalidValue, "cudaGraphUpload: bad argument");
    }
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t graphExec, cudaStream_t handle) {
    HC_API("cudaGraphLaunch");
    std::shared_ptr<Stream> stream = stream_of(handle);
    if (!check_exec(graphExec) || !stream) {
        return fail(cudaErrorInvalidValue, "cudaGraphLaunch: bad argument");
    }
    std::shared_ptr<Exec> exec = graphExec->exec;
    auto op = make_op(cudaGraphNodeTypeGraph, "a graph", [exec] { run_graph(*exec); });
    op->not_in_capture = graphExec->conditional ? "launching a graph with conditional nodes" : "";
    op->not_in_body = op->not_in_capture;
    counter(HOST_CUDA_GRAPH_LAUNCHES)++;
    return submit(handle, std::move(op));
}

cudaError_t cudaGraphExecUpdate(cudaGraphExec_t hGraphExec, cudaGraph_t hGraph,
                                cudaGraphExecUpdateResultInfo *resultInfo) {
    HC_API("cudaGraphExecUpdate");
    if (!check_exec(hGraphExec) || !check_graph(hGraph) || !resultInfo) {
        return fail(cudaErrorInvalidValue, "cudaGraphExecUpdate: bad argument");
    }
    *resultInfo = cudaGraphExecUpdateResultInfo{cudaGraphExecUpdateSuccess, nullptr, nullptr};
    std::string why = obstacle(*hGraph);
    std::shared_ptr<Exec> updated = make_exec(*hGraph);
    if (!why.empty() || !same_shape(*hGraphExec->exec, *updated)) {
        resultInfo->result = cudaGraphExecUpdateErrorTopologyChanged;
        return fail(cudaErrorGraphExecUpdateFailure, "cudaGraphExecUpdate: %s",
                    why.empty() ? "the graphs differ in shape" : why.c_str());
    }
    hGraphExec->exec = updated; // launches already queued keep the old one
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graphExec) {
    Lock lock;
    cudaError_t injected = begin_anyway("cudaGraphExecDestroy");
    if (!check_exec(graphExec)) {
        return fail(cudaErrorInvalidValue, "cudaGraphExecDestroy: not alive");
    }
    if (graphExec->graph) {
        graphExec->graph->instances--;
    }
    object_destroyed(graphExec);
    execs().erase(graphExec);
    delete graphExec;
    return fail(injected ? injected : sticky_error());
}
}
