/* Passkeys by the browser (WebAuthn): making one, and using one. Each rejects with a Failure that says in words for people why there is none, or with
 * Cancelled once SIGNAL is aborted. */
import { Failure } from "../api/failure";
import type { PasskeyAssertion, PasskeyCreation, PasskeyRegistration, PasskeyRequest } from "../api/generated";
import { Cancelled } from "../session/confirm";
import { assertionOf, creationOptions, registrationOf, requestOptions } from "./json";

/* By the names of the errors that browsers give (WebAuthn level 3 §5.1.3 and §5.1.4.1). */
type Reasons = Record<string, string>;

const OF_BOTH: Reasons = {
	SecurityError: "Passkeys do not work at this address of the page, because the server is set up for another one.",
};
const OF_CREATING: Reasons = {
	...OF_BOTH,
	NotAllowedError: "No passkey was added: it was cancelled, took too long, or this device has nothing to keep one.",
	InvalidStateError: "This device has a passkey of your account already.",
	ConstraintError: "This device cannot keep a passkey, because it has no screen lock such as a PIN or a fingerprint.",
	NotSupportedError: "This device makes no passkeys of a kind that the server accepts.",
};
const OF_USING: Reasons = {
	...OF_BOTH,
	NotAllowedError: "No passkey was used: it was cancelled, took too long, or this device has none of yours.",
};
const UNSUPPORTED = "This browser cannot use passkeys. Current browsers can, on pages that are loaded by HTTPS.";
const OTHERWISE = "This device could not use a passkey. Please try again.";

function failure(text: string): Failure {
	return new Failure(0, "passkey", text);
}

export function isSupported(): boolean {
	return typeof window.PublicKeyCredential === "function";
}

/* Throws the reason if the browser cannot use passkeys. */
export function requireSupport(): void {
	if (!isSupported()) throw failure(UNSUPPORTED);
}

/* Whether the browser can offer passkeys where the user types a name. */
export async function canOffer(): Promise<boolean> {
	if (!isSupported() || typeof PublicKeyCredential.isConditionalMediationAvailable !== "function") return false;
	return PublicKeyCredential.isConditionalMediationAvailable().catch(() => false);
}

function nameOf(error: unknown): string {
	return error instanceof Error || error instanceof DOMException ? error.name : "";
}

async function request(ask: () => Promise<Credential | null>, signal: AbortSignal, reasons: Reasons): Promise<PublicKeyCredential> {
	requireSupport();
	try {
		signal.throwIfAborted();
		return (await ask()) as PublicKeyCredential; // null is only for kinds of credentials that were not asked for
	} catch (error) {
		throw signal.aborted ? new Cancelled() : failure(reasons[nameOf(error)] ?? OTHERWISE);
	}
}

export async function createPasskey(options: PasskeyCreation, signal: AbortSignal): Promise<PasskeyRegistration> {
	const create = () => navigator.credentials.create({ publicKey: creationOptions(options), signal });

	return registrationOf(await request(create, signal, OF_CREATING));
}

/* In a dialog of the browser; or, isOffered, among what it proposes for a field with autocomplete="webauthn", which waits until the user takes it. */
export async function getPasskey(options: PasskeyRequest, signal: AbortSignal, isOffered = false): Promise<PasskeyAssertion> {
	const mediation: { mediation?: CredentialMediationRequirement } = isOffered ? { mediation: "conditional" } : {};
	const get = () => navigator.credentials.get({ publicKey: requestOptions(options), signal, ...mediation });

	return assertionOf(await request(get, signal, OF_USING));
}
