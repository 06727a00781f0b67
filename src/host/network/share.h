/* Which nodes of a tape share buffers. A node's own buffer is the one that it owns: owner == node. */
#ifndef GN_NETWORK_SHARE_H
#define GN_NETWORK_SHARE_H

#include "network/network.h"

/* The owner of node i's value and tangent: a sum lies in its second input's, an operation that works over its
 * input in that one's, where nobody else reads it. */
size_t gn_share_value(const gn_network *network, size_t i);

/* The same where second derivatives are wanted: an operation that has one looks at its input afterwards. */
size_t gn_share_kept(const gn_network *network, size_t i);

/* Whether such an operation lies over the buffer that node i owns in this sense: then values at a point are
 * not what the buffer's own nodes gave. */
bool gn_share_overwritten(const gn_network *network, size_t i);

/* The owner of node i's cotangent. A pull that works in place leaves it in the buffer of the node that it
 * came from. kept: every node's cotangent is looked at after all pulls (the rows); else only on the way. */
size_t gn_share_cotangent(const gn_network *network, size_t i, bool kept);

/* Whether the pull of node i into `input` is the first to reach that: it overwrites, the others add. */
static inline bool gn_share_first(const gn_network *network, size_t i, size_t input) {
    return network->nodes[input].last_use == i;
}

/* Whether cotangents are handed on to this input of a node: the data need none, and there may be no second.
 */
static inline bool gn_is_pulled(const gn_network *network, size_t input) {
    return input != GN_NO_NODE && !network->nodes[input].data;
}

#endif
