#include "network/network.h"

#include <stdlib.h>

void gn_network_destroy(gn_network *network) {
    if (!network)
        return;
    free(network->nodes);
    free(network->parameters);
    free(network);
}

size_t gn_network_inputs(const gn_network *network) {
    return network->nodes[0].width;
}

size_t gn_network_outputs(const gn_network *network) {
    return network->nodes[network->node_count - 1].width;
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
