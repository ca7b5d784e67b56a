/* Passkeys in JSON, as the server reads and writes them (WebAuthn level 3 §5.1.8 to §5.1.10): bytes are base64url. Browsers of 2025 and later convert
 * by themselves; what is here is for those before. */
import type { PasskeyAssertion, PasskeyCreation, PasskeyRegistration, PasskeyRequest } from "../api/generated";

/* Base64url without padding (RFC 4648 §5). */
export function toBase64url(bytes: ArrayBuffer): string {
	const text = Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join("");

	return btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

export function fromBase64url(text: string): Uint8Array<ArrayBuffer> {
	return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (character) => character.charCodeAt(0));
}

function descriptors(list: PasskeyRequest["allowCredentials"]): PublicKeyCredentialDescriptor[] {
	return list.map((one) => ({ ...one, id: fromBase64url(one.id) }));
}

export function creationOptions(json: PasskeyCreation): PublicKeyCredentialCreationOptions {
	if (typeof PublicKeyCredential.parseCreationOptionsFromJSON === "function") return PublicKeyCredential.parseCreationOptionsFromJSON(json);
	return {
		...json,
		challenge: fromBase64url(json.challenge),
		user: { ...json.user, id: fromBase64url(json.user.id) },
		excludeCredentials: descriptors(json.excludeCredentials),
	};
}

export function requestOptions(json: PasskeyRequest): PublicKeyCredentialRequestOptions {
	if (typeof PublicKeyCredential.parseRequestOptionsFromJSON === "function") return PublicKeyCredential.parseRequestOptionsFromJSON(json);
	return {
		...json,
		challenge: fromBase64url(json.challenge),
		allowCredentials: descriptors(json.allowCredentials),
	};
}

/* A new passkey. */
export function registrationOf(credential: PublicKeyCredential): PasskeyRegistration {
	if (typeof credential.toJSON === "function") return credential.toJSON() as PasskeyRegistration;
	const response = credential.response as AuthenticatorAttestationResponse;
	return {
		id: credential.id,
		type: "public-key",
		response: { clientDataJSON: toBase64url(response.clientDataJSON), attestationObject: toBase64url(response.attestationObject) },
	};
}

/* The proof that the user has a passkey. */
export function assertionOf(credential: PublicKeyCredential): PasskeyAssertion {
	if (typeof credential.toJSON === "function") return credential.toJSON() as PasskeyAssertion;
	const response = credential.response as AuthenticatorAssertionResponse;
	return {
		id: credential.id,
		type: "public-key",
		response: {
			clientDataJSON: toBase64url(response.clientDataJSON),
			authenticatorData: toBase64url(response.authenticatorData),
			signature: toBase64url(response.signature),
			userHandle: response.userHandle && toBase64url(response.userHandle),
		},
	};
}
