/* A browser with passkeys for the tests: what it was asked for, and what it answers. jsdom has none. */
import { vi } from "vitest";

const bytes = (...list: number[]) => new Uint8Array(list).buffer;

export const OPTIONS = {
	challenge: "-_8",
	timeout: 300_000,
	rpId: "localhost",
	allowCredentials: [{ type: "public-key", id: "AQID" }],
	userVerification: "required",
};
export const CREATION = {
	rp: { id: "localhost", name: "Abacus" },
	user: { id: "Bw", name: "somebody@example.com", displayName: "somebody" },
	challenge: "-_8",
	pubKeyCredParams: [{ type: "public-key", alg: -7 }],
	timeout: 300_000,
	excludeCredentials: [],
	authenticatorSelection: { residentKey: "required", requireResidentKey: true, userVerification: "required" },
	attestation: "none",
};

/* What the server gets of the credentials below. */
export const REGISTRATION = { id: "AQID", type: "public-key", response: { clientDataJSON: "BA", attestationObject: "BQY" } };
export const ASSERTION = {
	id: "AQID",
	type: "public-key",
	response: { clientDataJSON: "BA", authenticatorData: "_w", signature: "CAk", userHandle: "Bw" },
};

const credential = (response: object) => ({ id: "AQID", rawId: bytes(1, 2, 3), type: "public-key", response });
export const CREATED = credential({ clientDataJSON: bytes(4), attestationObject: bytes(5, 6) });
export const USED = credential({ clientDataJSON: bytes(4), authenticatorData: bytes(255), signature: bytes(8, 9), userHandle: bytes(7) });

type Answer = (options: CredentialCreationOptions & CredentialRequestOptions) => Promise<unknown>;

/* Fails as browsers do. */
export const failing = (name: string) => async () => {
	throw new DOMException("The browser's words, which differ.", name);
};
/* Waits for the user until it is cancelled. */
export const waiting: Answer = ({ signal }) =>
	new Promise((_, reject) => signal?.addEventListener("abort", () => reject(new DOMException("Aborted.", "AbortError"))));

/* canOffer: it can propose passkeys for a field. */
export function giveAuthenticator({ canOffer = false } = {}) {
	const create = vi.fn<Answer>(async () => CREATED);
	const get = vi.fn<Answer>(async () => USED);
	vi.stubGlobal(
		"PublicKeyCredential",
		Object.assign(() => {}, { isConditionalMediationAvailable: async () => canOffer }),
	);
	Object.defineProperty(navigator, "credentials", { configurable: true, value: { create, get } });
	return { create, get };
}

export function takeAuthenticator(): void {
	vi.stubGlobal("PublicKeyCredential", undefined);
	Reflect.deleteProperty(navigator, "credentials");
}
