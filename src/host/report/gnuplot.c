#define _GNU_SOURCE /* posix_spawn_file_actions_addchdir_np */
#include "report/gnuplot.h"

#include <errno.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Reserves a name in the folder that gnuplot can be given without quoting anything of the user's. */
static gn_status reserve(const char *folder, const char *suffix, char name[GN_SCRIPT_NAME],
                         gn_message *message) {
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/gnewt-XXXXXX%s", folder, suffix);
    int file = -1;
    if (length > 0 && (size_t)length < sizeof path)
        file = mkstemps(path, (int)strlen(suffix));
    else
        errno = ENAMETOOLONG;
    if (file < 0) {
        return gn_message_fail(message, GN_ERROR_IO, "cannot write a figure in '%s': %s", folder,
                               strerror(errno));
    }
    fchmod(file, 0644);
    close(file);
    snprintf(name, GN_SCRIPT_NAME, "%s", strrchr(path, '/') + 1);
    return GN_OK;
}

gn_status gn_script_open(gn_script *script, const char *folder, gn_message *message) {
    *script = (gn_script){.folder = folder};
    script->file = tmpfile();
    if (!script->file) {
        return gn_message_fail(message, GN_ERROR_IO, "cannot make a temporary file: %s", strerror(errno));
    }
    gn_status status = reserve(folder, ".png", script->png, message);
    if (status == GN_OK)
        status = reserve(folder, ".svg", script->svg, message);
    return status;
}

static void remove_name(const gn_script *script, const char *name) {
    char path[4096];
    if (name[0] && snprintf(path, sizeof path, "%s/%s", script->folder, name) < (int)sizeof path)
        unlink(path);
}

void gn_script_close(gn_script *script) {
    if (script->file)
        fclose(script->file);
    remove_name(script, script->png);
    remove_name(script, script->svg);
    *script = (gn_script){0};
}

void gn_script_part(gn_script *script, const char *text) {
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c == 0x7f)
            c = ' ';
        if (c == '\'')
            fputc('\'', script->file);
        else if (strchr("\\_^{}@&~", c))
            fputc('\\', script->file);
        fputc(c, script->file);
    }
}

void gn_script_text(gn_script *script, const char *text) {
    fputc('\'', script->file);
    gn_script_part(script, text);
    fputc('\'', script->file);
}

static void write_value(FILE *file, double value, bool logarithmic) {
    if (isfinite(value))
        fprintf(file, " %.7g", logarithmic && value < 1e-300 ? 1e-300 : value);
    else
        fputs(" NaN", file);
}

unsigned gn_script_band(gn_script *script, const gn_band *band, bool logarithmic) {
    fprintf(script->file, "$b%u << GN_END\n", script->blocks);
    size_t written = 0;
    for (size_t i = 0; i < band->count; i++) {
        fprintf(script->file, "%.9g", band->step[i]);
        write_value(script->file, band->median[i], logarithmic);
        write_value(script->file, band->low[i], logarithmic);
        write_value(script->file, band->high[i], logarithmic);
        fputc('\n', script->file);
        written++;
    }
    if (!written) /* gnuplot warns of an empty block */
        fputs("0 NaN NaN NaN\n", script->file);
    fputs("GN_END\n", script->file);
    return script->blocks++;
}

/* The first lines of what the child said, on one line. */
static gn_status tell(FILE *said, gn_message *message) {
    char text[400];
    rewind(said);
    size_t count = fread(text, 1, sizeof text - 1, said);
    while (count && (text[count - 1] == '\n' || text[count - 1] == ' '))
        count--;
    text[count] = 0;
    for (char *c = text; *c; c++)
        if (*c == '\n' || *c == '\t')
            *c = ' ';
    return gn_message_fail(message, GN_ERROR_IO, "gnuplot failed%s%s", count ? ": " : "", text);
}

/* Starts gnuplot in the script's folder, the script on its standard input, what it says in `said`. */
static int start(const gn_script *script, FILE *said, pid_t *child) {
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error)
        return error;
    error = posix_spawn_file_actions_adddup2(&actions, fileno(script->file), STDIN_FILENO);
    if (!error)
        error = posix_spawn_file_actions_adddup2(&actions, fileno(said), STDOUT_FILENO);
    if (!error)
        error = posix_spawn_file_actions_adddup2(&actions, fileno(said), STDERR_FILENO);
    if (!error)
        error = posix_spawn_file_actions_addchdir_np(&actions, script->folder);
    char *arguments[] = {"gnuplot", "-d", "-", NULL};
    if (!error)
        error = posix_spawnp(child, "gnuplot", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static gn_status keep(const gn_script *script, char *name, const char *to, gn_message *message) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", script->folder, name);
    if (rename(path, to))
        return gn_message_fail(message, GN_ERROR_IO, "cannot write '%s': %s", to, strerror(errno));
    name[0] = 0;
    return GN_OK;
}

/* Runs gnuplot to its end. */
static gn_status draw(const gn_script *script, FILE *said, gn_message *message) {
    pid_t child = 0;
    int error = start(script, said, &child), state = 0;
    if (error == ENOENT)
        return gn_message_fail(
            message, GN_ERROR_UNSUPPORTED,
            "figures are drawn by gnuplot, which is not on the PATH; install it (Debian and "
            "Ubuntu: apt-get install gnuplot-nox)");
    if (error)
        return gn_message_fail(message, GN_ERROR_IO, "gnuplot does not start: %s", strerror(error));
    while (waitpid(child, &state, 0) < 0)
        if (errno != EINTR)
            return gn_message_fail(message, GN_ERROR_IO, "gnuplot was lost: %s", strerror(errno));
    return WIFEXITED(state) && WEXITSTATUS(state) == 0 ? GN_OK : tell(said, message);
}

gn_status gn_script_run(gn_script *script, const char *png, const char *svg, gn_message *message) {
    FILE *said = tmpfile();
    if (!said || ferror(script->file) || fflush(script->file) || fseek(script->file, 0, SEEK_SET)) {
        if (said)
            fclose(said);
        return gn_message_fail(message, GN_ERROR_IO, "cannot write gnuplot's script: %s", strerror(errno));
    }
    gn_status status = draw(script, said, message);
    fclose(said);
    if (status == GN_OK)
        status = keep(script, script->png, png, message);
    if (status == GN_OK)
        status = keep(script, script->svg, svg, message);
    return status;
}
