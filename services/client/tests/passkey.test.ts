import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { PasskeyCreation, PasskeyRequest } from "../src/api/generated";
import { assertionOf, creationOptions, fromBase64url, registrationOf, requestOptions, toBase64url } from "../src/passkeys/json";
import { canOffer, createPasskey, getPasskey, isSupported } from "../src/passkeys/passkey";
import { Cancelled } from "../src/session/confirm";
import {
	ASSERTION,
	CREATED,
	CREATION,
	failing,
	giveAuthenticator,
	OPTIONS,
	REGISTRATION,
	takeAuthenticator,
	USED,
	waiting,
} from "./authenticator";

const creation = CREATION as PasskeyCreation;
const options = OPTIONS as PasskeyRequest;
let browser: ReturnType<typeof giveAuthenticator>;

beforeEach(() => {
	browser = giveAuthenticator();
});
afterEach(takeAuthenticator);

const signal = () => new AbortController().signal;

describe("base64url", () => {
	it.each([
		[[], ""],
		[[0], "AA"],
		[[251, 255], "-_8"],
		[[1, 2, 3], "AQID"],
		[[255, 254, 253, 252], "__79_A"],
	])("of the bytes %j is %s", (bytes, text) => {
		expect(toBase64url(new Uint8Array(bytes).buffer)).toBe(text);
		expect([...fromBase64url(text)]).toEqual(bytes);
	});

	it("brings back all bytes", () => {
		const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
		expect([...fromBase64url(toBase64url(all.buffer))]).toEqual([...all]);
	});
});

describe("a browser that does not convert JSON", () => {
	it("gets the bytes of what makes a passkey", () => {
		const made = creationOptions({ ...creation, excludeCredentials: [{ type: "public-key", id: "AQID" }] });
		expect(made.challenge).toEqual(new Uint8Array([251, 255]));
		expect(made.user).toEqual({ ...CREATION.user, id: new Uint8Array([7]) });
		expect(made.excludeCredentials).toEqual([{ type: "public-key", id: new Uint8Array([1, 2, 3]) }]);
		expect(made.authenticatorSelection).toEqual(CREATION.authenticatorSelection);
	});

	it("gets the bytes of what uses a passkey", () => {
		const made = requestOptions(options);
		expect(made.challenge).toEqual(new Uint8Array([251, 255]));
		expect(made.allowCredentials).toEqual([{ type: "public-key", id: new Uint8Array([1, 2, 3]) }]);
		expect(made.rpId).toBe("localhost");
	});

	it("has its answers made JSON", () => {
		expect(registrationOf(CREATED as unknown as PublicKeyCredential)).toEqual(REGISTRATION);
		expect(assertionOf(USED as unknown as PublicKeyCredential)).toEqual(ASSERTION);
	});

	it("gives no user handle where the authenticator has none", () => {
		const without = { ...USED, response: { ...USED.response, userHandle: null } } as unknown as PublicKeyCredential;
		expect(assertionOf(without).response.userHandle).toBeNull();
	});
});

it("a browser that converts JSON does it itself", async () => {
	const parsed = { challenge: new Uint8Array([1]) };
	Object.assign(PublicKeyCredential, {
		parseCreationOptionsFromJSON: vi.fn(() => parsed),
		parseRequestOptionsFromJSON: vi.fn(() => parsed),
	});
	browser.create.mockResolvedValue({ ...CREATED, toJSON: () => REGISTRATION });
	browser.get.mockResolvedValue({ ...USED, toJSON: () => ASSERTION });
	expect(await createPasskey(creation, signal())).toBe(REGISTRATION);
	expect(await getPasskey(options, signal())).toBe(ASSERTION);
	expect([browser.create.mock.calls[0]?.[0].publicKey, browser.get.mock.calls[0]?.[0].publicKey]).toEqual([parsed, parsed]);
});

describe("the reason is said in words for people", () => {
	it.each([
		["NotAllowedError", "No passkey was added: it was cancelled, took too long, or this device has nothing to keep one."],
		["InvalidStateError", "This device has a passkey of your account already."],
		["ConstraintError", "This device cannot keep a passkey, because it has no screen lock such as a PIN or a fingerprint."],
		["NotSupportedError", "This device makes no passkeys of a kind that the server accepts."],
		["SecurityError", "Passkeys do not work at this address of the page, because the server is set up for another one."],
		["UnknownError", "This device could not use a passkey. Please try again."],
	])("why none was made: %s", async (name, text) => {
		browser.create.mockImplementation(failing(name));
		await expect(createPasskey(creation, signal())).rejects.toThrow(text);
	});

	it.each([
		["NotAllowedError", "No passkey was used: it was cancelled, took too long, or this device has none of yours."],
		["SecurityError", "Passkeys do not work at this address of the page, because the server is set up for another one."],
		["InvalidStateError", "This device could not use a passkey. Please try again."],
	])("why none was used: %s", async (name, text) => {
		browser.get.mockImplementation(failing(name));
		await expect(getPasskey(options, signal())).rejects.toThrow(text);
	});

	it("why a browser without passkeys has none", async () => {
		takeAuthenticator();
		expect([isSupported(), await canOffer()]).toEqual([false, false]);
		const text = "This browser cannot use passkeys. Current browsers can, on pages that are loaded by HTTPS.";
		await expect(createPasskey(creation, signal())).rejects.toThrow(text);
		await expect(getPasskey(options, signal())).rejects.toThrow(text);
	});
});

it("what was left is cancelled, and nothing is reported", async () => {
	browser.get.mockImplementation(waiting);
	const left = new AbortController();
	const asked = getPasskey(options, left.signal, true);
	left.abort();
	await expect(asked).rejects.toBeInstanceOf(Cancelled);
	expect(browser.get.mock.calls[0]?.[0].mediation).toBe("conditional");
	await expect(createPasskey(creation, left.signal)).rejects.toBeInstanceOf(Cancelled);
	expect(browser.create).not.toHaveBeenCalled();
});

it("a browser whose question whether it can offer passkeys fails offers none", async () => {
	Object.assign(PublicKeyCredential, { isConditionalMediationAvailable: failing("NotAllowedError") });
	expect(await canOffer()).toBe(false);
	Object.assign(PublicKeyCredential, { isConditionalMediationAvailable: undefined });
	expect(await canOffer()).toBe(false);
});
