// Graphs, captures and their executable form.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cuda_runtime_api.h"
#include "stream.h"

namespace hc {

// The value that a conditional node looks at; the CUDA handle is its address.
struct Condition {
    cudaGraph_t graph = nullptr;
    unsigned default_value = 0;
    bool assign_default = false;
    unsigned value = 0;
    bool used = false;   // by a node
    bool active = false; // its graph is running
};

struct Exec; // below

struct Capture {
    cudaGraph_t graph = nullptr;
    bool into_given_graph = false;
    Stream *origin = nullptr;
    cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
    std::thread::id thread;
    bool valid = true;
    bool ended = false;
    unsigned long long id = 0;
    std::vector<Stream *> members;
};

} // namespace hc

struct CUgraphNode_st {
    cudaGraph_t graph = nullptr;
    size_t index = 0; // in its graph; dependencies always have smaller ones
    cudaGraphNodeType type = cudaGraphNodeTypeEmpty;
    std::shared_ptr<hc::Op> op; // null for empty, child and conditional nodes
    std::vector<cudaGraphNode_t> dependencies;
    std::shared_ptr<hc::Condition> condition;
    cudaGraphConditionalNodeType condition_type = cudaGraphCondTypeIf;
    std::vector<cudaGraph_t> bodies; // of a conditional node; owned
    std::shared_ptr<hc::Exec> child; // of a child graph node: a copy, as CUDA makes one
    bool child_bad_in_body = false;
};

struct CUgraph_st {
    std::vector<std::unique_ptr<CUgraphNode_st>> nodes;
    std::vector<std::shared_ptr<hc::Condition>> conditions;
    bool is_body = false;
    unsigned long instances = 0; // executables alive
};

struct CUgraphExec_st {
    cudaGraph_t graph = nullptr; // what it was made of, unless destroyed since
    std::shared_ptr<hc::Exec> exec;
    bool conditional = false;
};

namespace hc {

struct ExecNode {
    cudaGraphNodeType type;
    std::shared_ptr<Op> op;
    std::vector<size_t> dependencies;
    std::shared_ptr<Condition> condition;
    cudaGraphConditionalNodeType condition_type;
    std::vector<std::shared_ptr<Exec>> bodies;
    std::shared_ptr<Exec> child;
};

struct Exec {
    std::vector<ExecNode> nodes;
};

// graph.cpp
cudaGraph_t new_graph(bool is_body);
void delete_graph(cudaGraph_t graph);
cudaGraphNode_t add_node(cudaGraph_t graph, cudaGraphNodeType type,
                         std::vector<cudaGraphNode_t> dependencies);
std::shared_ptr<Condition> condition_of(cudaGraphConditionalHandle handle);
void forget_graphs();

// graph_run.cpp
std::shared_ptr<Exec> make_exec(const CUgraph_st &graph);
bool has_conditions(const CUgraph_st &graph);
// Why the graph cannot be instantiated; empty when it can.
std::string obstacle(const CUgraph_st &graph);
void run_graph(const Exec &exec);
bool same_shape(const Exec &a, const Exec &b);

// capture.cpp
bool capture_active(const Capture &capture);
cudaError_t join_capture(Stream &stream, Capture *capture, const std::vector<cudaGraphNode_t> &nodes);
void forget_captures();

// transfer.cpp
cudaError_t make_copy_op(void *dst, const void *src, size_t count, enum cudaMemcpyKind kind,
                         std::shared_ptr<Op> *op);

} // namespace hc
