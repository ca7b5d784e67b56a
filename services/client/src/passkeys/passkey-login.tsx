import { useEffect, useEffectEvent, useRef, useState } from "react";
import { Failure } from "../api/failure";
import type { PasskeyAssertion } from "../api/generated";
import { beginPasskeyLogin, logInWithPasskey } from "../api/passkeys";
import { UNVERIFIED } from "../parts/open-link";
import { useForm } from "../parts/use-form";
import { report } from "../session/confirm";
import type { Tokens } from "../session/session";
import { canOffer, getPasskey, isSupported } from "./passkey";
import { useLeaving } from "./use-leaving";

/* What the server says, for people: about the password it could say no more. */
const WORDS: Record<string, string> = {
	login_failed: "Login failed. The account of this passkey does not know it any more, or is not active.",
	challenge_ended: "That took too long. Please try again.",
};

interface Proof {
	challenge: string;
	assertion: PasskeyAssertion;
}

async function ask(signal: AbortSignal, isOffered: boolean): Promise<Proof> {
	const { challenge, public_key } = await beginPasskeyLogin();
	return { challenge, assertion: await getPasskey(public_key, signal, isOffered) };
}

/* Resolves when the user takes a passkey that the browser offers. null: there will be none, and a user who did not ask for it needs no reason. */
async function askQuietly(signal: AbortSignal): Promise<Proof | null> {
	try {
		return (await canOffer()) && !signal.aborted ? await ask(signal, true) : null;
	} catch {
		return null;
	}
}

interface PasskeyLoginProps {
	keep: boolean;
	onRight: (tokens: Tokens, keep: boolean) => void;
	onUnverified: () => void;
}

/* Logs in with a passkey alone: by a button, and by what the browser offers for the field with autocomplete="webauthn". A browser has one request at a
   time, so it offers none while that of the button is under way. */
export function PasskeyLogin({ keep, onRight, onUnverified }: PasskeyLoginProps) {
	const leaving = useLeaving();
	const [offer, setOffer] = useState(1); // another number is another offer
	const offered = useRef<AbortController>(null);

	async function finish({ challenge, assertion }: Proof) {
		try {
			onRight(await logInWithPasskey(challenge, assertion, keep), keep);
		} catch (error) {
			if (!(error instanceof Failure)) throw error;
			if (error.code === UNVERIFIED) return onUnverified();
			throw new Failure(error.httpStatus, error.code, WORDS[error.code] ?? error.message);
		}
	}

	const form = useForm({}, async () => {
		offered.current?.abort();
		try {
			await finish(await ask(leaving(), false));
		} catch (error) {
			setOffer(offer + 1);
			throw error;
		}
	});

	/* With `keep` as it is when the user takes the passkey. */
	const finishOffered = useEffectEvent(async (proof: Proof | null) => {
		if (proof) await finish(proof);
	});

	useEffect(() => {
		const own = new AbortController();
		offered.current = own;
		askQuietly(own.signal)
			.then((proof) => finishOffered(proof))
			.catch((error) => {
				report(error);
				setOffer(offer + 1);
			});
		return () => own.abort();
	}, [offer]);

	if (!isSupported()) return null;
	return (
		<button type="button" className="button is-fullwidth mt-3" onClick={form.submit}>
			{form.isSending ? "Waiting for your passkey…" : "Log in with a passkey"}
		</button>
	);
}
