// SPDX-License-Identifier: Apache-2.0
/*
 * fn_hash.c: digests, and bytes as text.
 * Source: DataFusion's SQL reference, "Hashing Functions" and "Binary String
 * Functions".
 */
#include "expr/fn_priv.h"

#include <openssl/evp.h>

#include <errno.h>
#include <string.h>

/* --- digests --- */

enum digest { MD5, SHA224, SHA256, SHA384, SHA512, BLAKE2S, BLAKE2B, BY_NAME };

static const struct {
	const char *name;
	const char *algorithm; /* OpenSSL's name */
} digests[] = {
	[MD5] = {"md5", "MD5"},
	[SHA224] = {"sha224", "SHA2-224"},
	[SHA256] = {"sha256", "SHA2-256"},
	[SHA384] = {"sha384", "SHA2-384"},
	[SHA512] = {"sha512", "SHA2-512"},
	[BLAKE2S] = {"blake2s", "BLAKE2S-256"},
	[BLAKE2B] = {"blake2b", "BLAKE2B-512"},
};

static void put_hex(const uint8_t *p, uint64_t len, struct buf *out)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *dst = buf_room(out, len * 2);
	for (uint64_t i = 0; dst && i < len; i++) {
		*dst++ = (uint8_t)digits[p[i] >> 4];
		*dst++ = (uint8_t)digits[p[i] & 15];
	}
}

struct hashing {
	EVP_MD *md;
	EVP_MD_CTX *ctx;
};

static void hashing_fini(struct hashing *h)
{
	EVP_MD_CTX_free(h->ctx);
	EVP_MD_free(h->md);
}

static inline void auto_hashing(struct hashing *h)
{
	hashing_fini(h);
}
#define AUTO_HASHING __attribute__((cleanup(auto_hashing)))

static struct err *put_digest(struct hashing *h, struct str s, bool as_hex,
			      struct buf *out)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len;
	if (!EVP_DigestInit_ex2(h->ctx, h->md, NULL) ||
	    !EVP_DigestUpdate(h->ctx, s.p, s.len) ||
	    !EVP_DigestFinal_ex(h->ctx, digest, &len))
		return err_new(EIO, "libcrypto cannot hash");
	if (as_hex)
		put_hex(digest, len, out);
	else
		buf_append(out, digest, len);
	return NULL;
}

/* The algorithm: the row's own, or what the second argument says. */
static struct err *find_digest(const char *name, size_t len, size_t *ret)
{
	for (size_t i = 0; i < BY_NAME; i++)
		if (strlen(digests[i].name) == len &&
		    memcmp(digests[i].name, name, len) == 0) {
			*ret = i;
			return NULL;
		}
	return err_new(EINVAL, "no digest '%.*s'", (int)MIN_OF(len, (size_t)40), name);
}

static struct err *begin_hashing(const struct call *c, struct hashing *h)
{
	size_t which = (size_t)c->node->fn->tag;
	if (which == BY_NAME) {
		struct str name = arg_str(c, 1, 0);
		TRY(find_digest((const char *)name.p, name.len, &which));
	}
	h->md = EVP_MD_fetch(NULL, digests[which].algorithm, NULL);
	h->ctx = EVP_MD_CTX_new();
	if (!h->md || !h->ctx)
		return err_new(EOPNOTSUPP, "libcrypto has no %s", digests[which].name);
	return NULL;
}

static struct err *eval_digest(const struct call *c, struct array **ret)
{
	AUTO_TEXT struct text_builder b = {0};
	AUTO_HASHING struct hashing h = {0};
	bool as_hex = c->node->fn->tag == MD5;
	TRY(begin_hashing(c, &h));
	TRY(text_begin(&b, c->node->type, c->n_rows));
	for (uint64_t row = 0; row < c->n_rows; row++) {
		if (!call_wants(c, row)) {
			TRY(text_null(&b));
			continue;
		}
		TRY(put_digest(&h, arg_str(c, 0, row), as_hex, &b.data));
		TRY(text_row(&b));
	}
	return text_take(&b, ret);
}

/* A text that is a constant, and is not null. */
static struct err *check_word(struct binder *b, const struct node *n, size_t i,
			      struct str *ret)
{
	const struct array *a = bind_literal(n, i);
	if (!a || !type_is_string(a->type->id) || array_is_null(a, 0))
		return bind_arg_err(b, n, i, "a constant text");
	ret->p = array_var(a, 0, &ret->len);
	return NULL;
}

static struct err *bind_digest(struct binder *b, struct node *n)
{
	struct str name;
	size_t which;
	TRY(bind_signature(b, n));
	TRY(check_word(b, n, 1, &name));
	struct err *err = find_digest((const char *)name.p, name.len, &which);
	if (err) {
		struct err *placed = bind_err(b, n->args[1], "%s", err->msg);
		err_free(err); /* told with its place */
		return placed;
	}
	return NULL;
}

/* --- encode, decode --- */

enum encoding { BASE64, BASE64_PADDED, HEX };

static const char *const encodings[] = {
	[BASE64] = "base64", [BASE64_PADDED] = "base64pad", [HEX] = "hex"};

static int find_encoding(struct str name)
{
	for (int i = 0; i <= HEX; i++)
		if (strlen(encodings[i]) == name.len &&
		    memcmp(encodings[i], name.p, name.len) == 0)
			return i;
	return -1;
}

/* tag: decode */
static struct err *bind_encoding(struct binder *b, struct node *n)
{
	struct str name;
	TRY(bind_signature(b, n));
	TRY(check_word(b, n, 1, &name));
	if (find_encoding(name) < 0)
		return bind_err(b, n->args[1],
				"encodings are base64, base64pad and hex");
	bool is_large = type_is_large(n->args[0]->type->id);
	if (n->fn->tag)
		return bind_type_id(n, is_large ? TYPE_LARGE_BINARY : TYPE_BINARY);
	return bind_type_id(n, is_large ? TYPE_LARGE_STRING : TYPE_STRING);
}

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void put_base64(struct str s, bool is_padded, struct buf *out)
{
	for (uint64_t i = 0; i < s.len; i += 3) {
		uint64_t n = MIN_OF(s.len - i, (uint64_t)3);
		uint32_t v = (uint32_t)s.p[i] << 16;
		v |= n > 1 ? (uint32_t)s.p[i + 1] << 8 : 0;
		v |= n > 2 ? s.p[i + 2] : 0;
		for (uint64_t k = 0; k < 4; k++)
			if (k <= n)
				buf_byte(
					out,
					(uint8_t)base64_digits[v >> (18 - 6 * k) & 63]);
			else if (is_padded)
				buf_byte(out, '=');
	}
}

static int base64_value(uint8_t c)
{
	const char *p = c ? strchr(base64_digits, c) : NULL;
	return p ? (int)(p - base64_digits) : -1;
}

/* With padding or without; false if it is none. */
static bool take_base64(struct str s, struct buf *out)
{
	uint32_t v = 0;
	unsigned n_bits = 0;
	uint64_t len = s.len;
	for (int i = 0; i < 2 && len && s.p[len - 1] == '='; i++)
		len--;
	if (len % 4 == 1 || (len != s.len && s.len % 4 != 0))
		return false;
	for (uint64_t i = 0; i < len; i++) {
		int digit = base64_value(s.p[i]);
		if (digit < 0)
			return false;
		v = v << 6 | (uint32_t)digit;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			buf_byte(out, (uint8_t)(v >> n_bits));
		}
	}
	return (v & ((1u << n_bits) - 1)) == 0;
}

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_hex(struct str s, struct buf *out)
{
	for (uint64_t i = 0; i + 1 < s.len; i += 2) {
		int high = hex_value(s.p[i]), low = hex_value(s.p[i + 1]);
		if (high < 0 || low < 0)
			return false;
		buf_byte(out, (uint8_t)(high << 4 | low));
	}
	return s.len % 2 == 0;
}

static struct err *encode_row(const struct call *c, uint64_t row, struct buf *out)
{
	struct str s = arg_str(c, 0, row);
	int encoding = find_encoding(arg_str(c, 1, row));
	if (encoding == HEX)
		put_hex(s.p, s.len, out);
	else
		put_base64(s, encoding == BASE64_PADDED, out);
	return NULL;
}

static struct err *eval_encode(const struct call *c, struct array **ret)
{
	return each_text(c, encode_row, ret);
}

static struct err *decode_row(const struct call *c, uint64_t row, struct buf *out)
{
	struct str s = arg_str(c, 0, row);
	int encoding = find_encoding(arg_str(c, 1, row));
	bool is_good = encoding == HEX ? take_hex(s, out) : take_base64(s, out);
	return is_good ? NULL : call_err(c, row, "not %s", encodings[encoding]);
}

static struct err *eval_decode(const struct call *c, struct array **ret)
{
	return each_text(c, decode_row, ret);
}

#define ROW(n, n_args, fails, binding, sig, fn, t)                                     \
	{                                                                              \
		.name = (n), .min_args = (n_args), .max_args = (n_args),               \
		.is_strict = true, .can_fail = (fails), .bind = (binding),             \
		.signature = (sig), .eval = (fn), .tag = (t)                           \
	}

static const struct function rows[] = {
	ROW("md5", 1, false, bind_signature, "y>s", eval_digest, MD5),
	ROW("sha224", 1, false, bind_signature, "y>y", eval_digest, SHA224),
	ROW("sha256", 1, false, bind_signature, "y>y", eval_digest, SHA256),
	ROW("sha384", 1, false, bind_signature, "y>y", eval_digest, SHA384),
	ROW("sha512", 1, false, bind_signature, "y>y", eval_digest, SHA512),
	ROW("digest", 2, false, bind_digest, "ys>y", eval_digest, BY_NAME),
	ROW("encode", 2, false, bind_encoding, "ys>s", eval_encode, 0),
	ROW("decode", 2, true, bind_encoding, "ys>y", eval_decode, 1),
};

const struct function_table hash_functions = {rows, sizeof(rows) / sizeof(rows[0])};
