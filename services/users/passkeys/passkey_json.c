#include "passkeys/passkey_json.h"

#include <stdlib.h>
#include <string.h>

#include "auth/base64url.h"
#include "base/json.h"
#include "base/mem.h"
#include "challenges/challenge.h"

#define TYPE "public-key"

/* ---- options ---- */

static void add_descriptors(cJSON *options, const char *member, const char *credentials)
{
	cJSON *list = cJSON_AddArrayToObject(options, member);
	char *ids = mem_strdup(credentials), *rest = ids, *id;

	while ((id = strtok_r(rest, " ", &rest))) {
		cJSON *descriptor = cJSON_CreateObject();

		cJSON_AddStringToObject(descriptor, "type", TYPE);
		cJSON_AddStringToObject(descriptor, "id", id);
		cJSON_AddItemToArray(list, descriptor);
	}
	free(ids);
}

static void add_algorithms(cJSON *options)
{
	static const enum cose_algorithm algorithms[] = {COSE_ES256, COSE_RS256}; /* the preferred one first */
	cJSON *list = cJSON_AddArrayToObject(options, "pubKeyCredParams");

	for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
		cJSON *parameters = cJSON_CreateObject();

		cJSON_AddStringToObject(parameters, "type", TYPE);
		cJSON_AddNumberToObject(parameters, "alg", algorithms[i]);
		cJSON_AddItemToArray(list, parameters);
	}
}

cJSON *passkey_json_creation(const struct webauthn_party *party, const char *challenge, const struct passkey_user *user,
			     const char *credentials)
{
	cJSON *options = cJSON_CreateObject(), *object = cJSON_AddObjectToObject(options, "rp");

	cJSON_AddStringToObject(object, "id", party->rp_id);
	cJSON_AddStringToObject(object, "name", "Abacus");
	object = cJSON_AddObjectToObject(options, "user");
	cJSON_AddStringToObject(object, "id", user->handle);
	cJSON_AddStringToObject(object, "name", user->name);
	cJSON_AddStringToObject(object, "displayName", user->display_name);
	cJSON_AddStringToObject(options, "challenge", challenge);
	add_algorithms(options);
	cJSON_AddNumberToObject(options, "timeout", CHALLENGE_S * 1000);
	add_descriptors(options, "excludeCredentials", credentials);
	object = cJSON_AddObjectToObject(options, "authenticatorSelection");
	cJSON_AddStringToObject(object, "residentKey", "required");
	cJSON_AddBoolToObject(object, "requireResidentKey", true);
	cJSON_AddStringToObject(object, "userVerification", "required");
	cJSON_AddStringToObject(options, "attestation", "none");
	return options;
}

cJSON *passkey_json_request(const struct webauthn_party *party, const char *challenge, const char *credentials)
{
	cJSON *options = cJSON_CreateObject();

	cJSON_AddStringToObject(options, "challenge", challenge);
	cJSON_AddNumberToObject(options, "timeout", CHALLENGE_S * 1000);
	cJSON_AddStringToObject(options, "rpId", party->rp_id);
	add_descriptors(options, "allowCredentials", credentials);
	cJSON_AddStringToObject(options, "userVerification", "required");
	return options;
}

/* ---- results ---- */

static bool read_bytes(struct http_request *req, const cJSON *response, const char *member, size_t max,
		       struct webauthn_bytes *ret_bytes)
{
	const char *text = json_text(response, member);
	size_t len = text ? strlen(text) : 0;
	uint8_t *bytes;

	if (len == 0 || len > BASE64URL_LEN(max))
		return false;
	bytes = http_request_alloc(req, len, NULL);
	ret_bytes->bytes = bytes;
	return base64url_decode(text, len, bytes, &ret_bytes->len) == STATUS_OK;
}

/* The response of a credential; NULL: json is none. */
static const cJSON *response_of(const cJSON *json, const char **ret_id)
{
	const char *type = json_text(json, "type"), *id = json_text(json, "id");

	if (!type || strcmp(type, TYPE) != 0 || !id || strlen(id) > BASE64URL_LEN(AUTHENTICATOR_DATA_CREDENTIAL_MAX))
		return NULL;
	*ret_id = id;
	return cJSON_GetObjectItemCaseSensitive(json, "response");
}

enum status passkey_json_read_registration(struct http_request *req, const cJSON *json,
					   struct passkey_registration *ret_registration)
{
	const cJSON *response = response_of(json, &ret_registration->id);

	if (!response || !read_bytes(req, response, "clientDataJSON", CLIENT_DATA_BYTES_MAX, &ret_registration->client_data) ||
	    !read_bytes(req, response, "attestationObject", WEBAUTHN_ATTESTATION_BYTES_MAX, &ret_registration->attestation))
		return STATUS_INVALID;
	return STATUS_OK;
}

enum status passkey_json_read_assertion(struct http_request *req, const cJSON *json, struct passkey_assertion *ret_assertion)
{
	const cJSON *response = response_of(json, &ret_assertion->id);

	if (!response || !read_bytes(req, response, "clientDataJSON", CLIENT_DATA_BYTES_MAX, &ret_assertion->client_data) ||
	    !read_bytes(req, response, "authenticatorData", AUTHENTICATOR_DATA_BYTES_MAX, &ret_assertion->authenticator_data) ||
	    !read_bytes(req, response, "signature", WEBAUTHN_SIGNATURE_BYTES_MAX, &ret_assertion->signature))
		return STATUS_INVALID;
	ret_assertion->user_handle = json_text(response, "userHandle");
	return STATUS_OK;
}
