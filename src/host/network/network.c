#include "network/network.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

gn_status gn_network_allocate(gn_context *context, size_t nodes, size_t parameters, gn_network **out) {
    *out = NULL;
    gn_network *network = calloc(1, sizeof *network);
    if (network) {
        network->context = context;
        network->nodes = calloc(nodes, sizeof *network->nodes);
        network->parameters = calloc(parameters, sizeof *network->parameters);
    }
    if (!network || !network->nodes || !network->parameters) {
        gn_network_destroy(network);
        return gn_fail(context, GN_ERROR_MEMORY, "no host memory for a network of %zu nodes", nodes);
    }
    *out = network;
    return GN_OK;
}

gn_node *gn_network_add_node(gn_network *network, const gn_operation *operation, size_t input) {
    size_t i = network->node_count++;
    gn_node *node = &network->nodes[i];
    *node = (gn_node){.operation = operation,
                      .input = input,
                      .second = GN_NO_NODE,
                      .positions = 1,
                      .weight = GN_NO_PARAMETER,
                      .bias = GN_NO_PARAMETER};
    if (input != GN_NO_NODE) {
        gn_node *from = &network->nodes[input];
        node->inputs = node->width = from->width;
        node->positions = node->input_positions = from->positions;
        gn_network_use(network, input, i);
    }
    return node;
}

void gn_network_use(gn_network *network, size_t input, size_t user) {
    gn_node *from = &network->nodes[input];
    from->first_use = from->uses == 0 ? user : from->first_use;
    from->last_use = user;
    from->uses++;
}

size_t gn_network_add_parameter(gn_network *network, size_t rows, size_t columns, const char *name, ...) {
    gn_parameter *p = &network->parameters[network->parameter_count++];
    va_list arguments;
    va_start(arguments, name);
    vsnprintf(p->name, sizeof p->name, name, arguments);
    va_end(arguments);
    p->rank = columns ? 2 : 1;
    p->shape[0] = rows;
    p->shape[1] = columns ? columns : 1;
    p->count = rows * p->shape[1];
    p->offset = network->size;
    network->size += p->count;
    return p->offset;
}

void gn_network_destroy(gn_network *network) {
    if (!network)
        return;
    free(network->nodes);
    free(network->parameters);
    free(network->initial);
    free(network);
}

size_t gn_network_inputs(const gn_network *network) {
    return gn_node_size(&network->nodes[0]);
}

size_t gn_network_outputs(const gn_network *network) {
    return gn_node_size(&network->nodes[network->node_count - 1]);
}

size_t gn_network_parameters(const gn_network *network) {
    return network->size;
}

size_t gn_network_parameter_count(const gn_network *network) {
    return network->parameter_count;
}

gn_parameter gn_network_parameter(const gn_network *network, size_t i) {
    return network->parameters[i];
}
