/* SPDX-License-Identifier: MIT */
/*
 * One report in two ways: see out.h.
 */
#include "out.h"
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define WIDTH 34 /* of a key and its indentation, for people */

static void push(struct out *out, char bracket)
{
	out->brackets[out->depth] = bracket;
	out->filled[out->depth++] = 0;
}

void out_start(struct out *out, FILE *file, int json)
{
	*out = (struct out){.file = file, .json = json};
	if (json)
		fputc('{', file);
	push(out, '}');
}

int out_end(struct out *out)
{
	out_close(out);
	return fflush(out->file) || ferror(out->file) ? -1 : 0;
}

static void quote(struct out *out, const char *text)
{
	fputc('"', out->file);
	for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
		if (*at == '"' || *at == '\\')
			fprintf(out->file, "\\%c", *at);
		else if (*at < ' ')
			fprintf(out->file, "\\u%04x", *at);
		else
			fputc(*at, out->file);
	}
	fputc('"', out->file);
}

/* A new line, with a comma behind what was before. */
static void next(struct out *out)
{
	int *filled = &out->filled[out->depth - 1];

	if (out->json)
		fprintf(out->file, "%s\n%*s", *filled ? "," : "", (int)out->depth * 2, "");
	else
		fprintf(out->file, "%s%*s", out->depth == 1 && *filled ? "\n" : "",
			(int)(out->depth - 1) * 2, "");
	*filled = 1;
}

/* Returns how many characters people see of it. */
static int say_key(struct out *out, const char *key)
{
	int length = 0;

	next(out);
	if (out->json) {
		quote(out, key);
		fputs(": ", out->file);
		return 0;
	}
	for (; key[length]; length++)
		fputc(key[length] == '_' ? ' ' : key[length], out->file);
	return length;
}

static void say_padded(struct out *out, const char *key)
{
	int used = say_key(out, key) + (int)(out->depth - 1) * 2;

	if (!out->json)
		fprintf(out->file, "%*s", used < WIDTH ? WIDTH - used : 1, "");
}

static void end_line(struct out *out)
{
	if (!out->json)
		fputc('\n', out->file);
}

static void open_key(struct out *out, const char *key, const char *brackets)
{
	say_key(out, key);
	if (out->json)
		fputc(brackets[0], out->file);
	end_line(out);
	push(out, brackets[1]);
}

void out_open(struct out *out, const char *key)
{
	open_key(out, key, "{}");
}

void out_open_list(struct out *out, const char *key)
{
	open_key(out, key, "[]");
}

void out_open_item(struct out *out, const char *name)
{
	next(out);
	if (out->json)
		fputc('{', out->file);
	else
		fprintf(out->file, "%s\n", name);
	push(out, '}');
	if (out->json)
		out_text(out, "name", "%s", name);
}

void out_close(struct out *out)
{
	out->depth--;
	if (!out->json)
		return;
	if (out->filled[out->depth])
		fprintf(out->file, "\n%*s", (int)out->depth * 2, "");
	fputc(out->brackets[out->depth], out->file);
	if (!out->depth)
		fputc('\n', out->file);
}

void out_none(struct out *out, const char *why)
{
	if (!out->json)
		fprintf(out->file, "%*s%s\n", (int)(out->depth - 1) * 2, "", why);
}

void out_text(struct out *out, const char *key, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	say_padded(out, key);
	if (out->json)
		quote(out, text);
	else
		fputs(text, out->file);
	end_line(out);
}

void out_number(struct out *out, const char *key, uint64_t number)
{
	say_padded(out, key);
	fprintf(out->file, "%" PRIu64, number);
	end_line(out);
}

void out_yes(struct out *out, const char *key, int yes)
{
	static const char *const words[] = {"no", "yes", "false", "true"};

	say_padded(out, key);
	fputs(words[!!yes + (out->json ? 2 : 0)], out->file);
	end_line(out);
}

void out_range(struct out *out, uint64_t first, uint64_t last)
{
	next(out);
	if (out->json)
		fprintf(out->file, "{\"first\": \"0x%" PRIx64 "\", \"last\": \"0x%" PRIx64 "\"}",
			first, last);
	else
		fprintf(out->file, "0x%" PRIx64 "-0x%" PRIx64 "\n", first, last);
}
