/* A library that is no plugin. */
int gn_not_a_plugin(void);
int gn_not_a_plugin(void) {
    return 1;
}
