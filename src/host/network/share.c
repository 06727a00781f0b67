#include "network/share.h"

size_t gn_share_value(const gn_network *network, size_t i) {
    const gn_node *nodes = network->nodes;
    while (nodes[i].second != GN_NO_NODE && nodes[i].second != 0 && nodes[nodes[i].second].uses == 1)
        i = nodes[i].second;
    return i;
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
