#include "network/share.h"

/* The input in whose buffer node i's value lies, or GN_NO_NODE: nobody else may read that one. kept: nor may
 * the node itself want to look at it again. */
static size_t lies_in(const gn_node *nodes, size_t i, bool kept) {
    const bool over = i > 0 && nodes[i].operation->over;
    if (kept && over && !nodes[i].operation->straight)
        return GN_NO_NODE;
    const size_t input = over ? nodes[i].input : nodes[i].second;
    return input != GN_NO_NODE && !nodes[input].data && nodes[input].uses == 1 ? input : GN_NO_NODE;
}

static size_t owner(const gn_node *nodes, size_t i, bool kept) {
    for (size_t input = lies_in(nodes, i, kept); input != GN_NO_NODE; input = lies_in(nodes, i, kept))
        i = input;
    return i;
}

size_t gn_share_value(const gn_network *network, size_t i) {
    return owner(network->nodes, i, false);
}

size_t gn_share_kept(const gn_network *network, size_t i) {
    return owner(network->nodes, i, true);
}

bool gn_share_overwritten(const gn_network *network, size_t i) {
    const gn_node *nodes = network->nodes;
    for (size_t user = i + 1; user < network->node_count; user++) {
        const size_t input = lies_in(nodes, user, false);
        if (input != GN_NO_NODE && lies_in(nodes, user, true) == GN_NO_NODE && owner(nodes, input, true) == i)
            return true;
    }
    return false;
}

static bool in_place(const gn_network *network, size_t i) {
    return i > 0 && network->nodes[i].operation->in_place;
}

/* Both inputs of a sum get its cotangent, but one buffer can become only one of them: the second input's. The
 * first one may use it too where nobody writes to it before the second one has been through: what the second
 * one pulls goes elsewhere, and all who add to the first one come after it (the pulls run backwards). */
static bool first_input_shares(const gn_network *network, size_t i, size_t sum, bool kept) {
    const gn_node *node = &network->nodes[i];
    const size_t second = network->nodes[sum].second;
    if (second == i || in_place(network, second))
        return false;
    if (kept) /* and nobody writes to it at all */
        return node->uses == 1 && !in_place(network, i);
    return i < second && (node->uses == 1 || (node->uses == 2 && node->first_use < second));
}

/* Whether node i's cotangent may lie where that of its last user lies. */
static bool shares(const gn_network *network, size_t i, bool kept) {
    const gn_node *node = &network->nodes[i];
    const size_t user = node->last_use;
    if (node->uses == 0 || !in_place(network, user))
        return false;
    if (network->nodes[user].second == GN_NO_NODE || network->nodes[user].second == i)
        return node->uses == 1;
    return first_input_shares(network, i, user, kept);
}

size_t gn_share_cotangent(const gn_network *network, size_t i, bool kept) {
    while (shares(network, i, kept))
        i = network->nodes[i].last_use;
    return i;
}
