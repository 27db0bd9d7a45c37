// SPDX-License-Identifier: Apache-2.0
/*
 * sha256.c: the digest that bundles are named by.
 */
#include "udf/udf_priv.h"

#include <openssl/evp.h>

#include <errno.h>
#include <unistd.h>

static struct err *failed(void)
{
	return err_new(EIO, "libcrypto cannot hash");
}

struct err *sha256_begin(struct sha256 *h)
{
	h->ctx = EVP_MD_CTX_new();
	if (!h->ctx)
		return err_nomem();
	return EVP_DigestInit_ex2(h->ctx, EVP_sha256(), NULL) ? NULL : failed();
}

struct err *sha256_add(struct sha256 *h, const void *p, size_t len)
{
	return EVP_DigestUpdate(h->ctx, p, len) ? NULL : failed();
}

struct err *sha256_end(struct sha256 *h, char hex[UDF_HASH_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t raw[EVP_MAX_MD_SIZE];
	unsigned len;
	if (!EVP_DigestFinal_ex(h->ctx, raw, &len) || len * 2 != UDF_HASH_LEN)
		return failed();
	for (unsigned i = 0; i < len; i++) {
		hex[2 * i] = digits[raw[i] >> 4];
		hex[2 * i + 1] = digits[raw[i] & 15];
	}
	hex[UDF_HASH_LEN] = 0;
	return NULL;
}

void sha256_fini(struct sha256 *h)
{
	EVP_MD_CTX_free(h->ctx);
	h->ctx = NULL;
}

struct err *sha256_bytes(const void *p, size_t len, char hex[UDF_HASH_LEN + 1])
{
	AUTO_SHA256 struct sha256 h = {0};
	TRY(sha256_begin(&h));
	TRY(sha256_add(&h, p, len));
	return sha256_end(&h, hex);
}

struct err *sha256_fd(int fd, const char *what, char hex[UDF_HASH_LEN + 1])
{
	AUTO_SHA256 struct sha256 h = {0};
	uint8_t part[65536];
	off_t at = 0;
	TRY(sha256_begin(&h));
	for (;;) {
		ssize_t n = pread(fd, part, sizeof(part), at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(errno, "%s", what);
		if (n == 0)
			return sha256_end(&h, hex);
		TRY(sha256_add(&h, part, (size_t)n));
		at += n;
	}
}

bool sha256_is_hex(const char *text, size_t len)
{
	if (len != UDF_HASH_LEN)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!text[i] || !strchr("0123456789abcdef", text[i]))
			return false;
	return true;
}
