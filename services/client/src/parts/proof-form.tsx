import { type InputHTMLAttributes, type ReactNode, useEffect, useRef, useState } from "react";
import { answerChallenge, sendCode } from "../api/calls";
import { Failure } from "../api/failure";
import type { Challenge, ChallengeAnswer, Method, PasskeyRequest } from "../api/generated";
import { getPasskey, isSupported } from "../passkeys/passkey";
import { useLeaving } from "../passkeys/use-leaving";
import { Field } from "./field";
import { useForm } from "./use-form";

/* A proof that is typed. */
interface Words {
	label: string;
	hint: string;
	wrong: string;
	input: InputHTMLAttributes<HTMLInputElement>;
}

/* The buttons that change to a method. One that is not here is of a newer server, and is not offered. */
const USE: Partial<Record<string, string>> = {
	passkey: "Use your passkey",
	totp: "Use your authenticator app",
	mtan: "Use a code by message",
	recovery: "Use a recovery code",
	password: "Use your password",
} satisfies Record<Method, string>;

const WORDS: Record<Exclude<Method, "passkey">, Words> = {
	totp: {
		label: "Code",
		hint: "Enter the six digits that your authenticator app shows.",
		wrong: "is wrong, or was used before",
		input: { inputMode: "numeric", autoComplete: "one-time-code" },
	},
	mtan: {
		label: "Code",
		hint: "Enter the six digits of the newest message that was sent to you. They are good for five minutes.",
		wrong: "is wrong, is too old, or is not of the newest message",
		input: { inputMode: "numeric", autoComplete: "one-time-code" },
	},
	recovery: {
		label: "Recovery code",
		hint: "Enter one of the ten that you kept when you set up two-step login. Each can be used once.",
		wrong: "is wrong, or was used before",
		input: { autoComplete: "off", autoCapitalize: "characters", spellCheck: false },
	},
	password: {
		label: "Your password",
		hint: "",
		wrong: "is wrong",
		input: { type: "password", autoComplete: "current-password" },
	},
};

export type Answer = Awaited<ReturnType<typeof answerChallenge>>;

interface ProofFormProps {
	challenge: Challenge;
	button: string;
	isDangerous?: boolean | undefined;
	onRight: (answer: Answer) => void;
	onEnded: () => void; // the challenge is too old, or too many answers were wrong
	children?: ReactNode; // beside the button
}

/* Calls what answers the challenge, which may have ended. */
async function answering({ onEnded }: ProofFormProps, call: () => Promise<void>) {
	try {
		await call();
	} catch (error) {
		if (!(error instanceof Failure && error.code === "challenge_ended")) throw error;
		onEnded();
	}
}

/* Sends BODY as the answer. One that is wrong is a problem of its field, or, if it was not typed, a failure with the text WRONG. */
async function answer(props: ProofFormProps, body: ChallengeAnswer, wrong: string, isTyped: boolean) {
	await answering(props, async () => {
		try {
			props.onRight(await answerChallenge(props.challenge.challenge, body));
		} catch (error) {
			if (!(error instanceof Failure && error.code === "code_wrong")) throw error;
			throw new Failure(error.httpStatus, error.code, wrong, isTyped ? { proof: wrong } : {});
		}
	});
}

function Typed({ method, ...props }: ProofFormProps & { method: keyof typeof WORDS }) {
	const ref = useRef<HTMLFormElement>(null);
	const words = WORDS[method];
	const form = useForm({ proof: words.label }, ({ proof }) =>
		answer(props, method === "password" ? { method, password: proof } : { method, code: proof.replace(/\s/g, "") }, words.wrong, true),
	);
	const { error } = form.field("proof");

	const input = () => ref.current?.querySelector<HTMLInputElement>("input[name=proof]");

	// biome-ignore lint/correctness/useExhaustiveDependencies: once
	useEffect(() => input()?.focus(), []);

	/* A wrong answer is replaced by typing; a screen reader reads the problem. */
	// biome-ignore lint/correctness/useExhaustiveDependencies: for each error
	useEffect(() => {
		if (!error) return;
		input()?.focus();
		input()?.select();
	}, [error]);

	return (
		<form ref={ref} onSubmit={form.submit} noValidate>
			{words.hint && <p className="block">{words.hint}</p>}
			<Field {...form.field("proof")} {...words.input} required />
			<div className="buttons">
				<input
					className={props.isDangerous ? "button is-danger" : "button is-primary"}
					type="submit"
					value={form.isSending ? "Checking…" : props.button}
					disabled={form.texts.proof.trim() === "" || form.isSending}
				/>
				{props.children}
			</div>
		</form>
	);
}

interface PressedProps {
	text: string;
	button: string;
	busy: string; // the button meanwhile
	isDangerous?: boolean | undefined;
	press: () => Promise<void>;
	children: ReactNode;
}

/* A step that only wants its button. */
function Pressed({ text, button, busy, isDangerous, press, children }: PressedProps) {
	const ref = useRef<HTMLInputElement>(null);
	const form = useForm({}, press);

	useEffect(() => ref.current?.focus(), []);

	return (
		<form onSubmit={form.submit}>
			<p className="block">{text}</p>
			<div className="buttons">
				<input
					ref={ref}
					className={isDangerous ? "button is-danger" : "button is-primary"}
					type="submit"
					value={form.isSending ? busy : button}
				/>
				{children}
			</div>
		</form>
	);
}

/* Asks for a code by message before there is a field for it: each message voids the code of the one before, so only the user sends one. */
function Sending({ onSent, ...props }: ProofFormProps & { onSent: () => void }) {
	const send = () =>
		answering(props, async () => {
			await sendCode(props.challenge.challenge);
			onSent();
		});

	return (
		<Pressed text="A message with a code is sent to your email address." button="Send code" busy="Sending…" press={send}>
			{props.children}
		</Pressed>
	);
}

/* The browser's dialog opens by the button alone, because some browsers open it for nothing else. */
function Passkey({ options, ...props }: ProofFormProps & { options: PasskeyRequest }) {
	const leaving = useLeaving();
	const prove = async () =>
		answer(props, { method: "passkey", assertion: await getPasskey(options, leaving()) }, "This passkey was refused.", false);

	return (
		<Pressed
			text="Your browser asks for your passkey."
			button={`${props.button} with your passkey`}
			busy="Waiting…"
			isDangerous={props.isDangerous}
			press={prove}
		>
			{props.children}
		</Pressed>
	);
}

/* Those that this page can ask for, first a passkey if the browser has any: it is the quickest, and no other page can make use of it. */
function methodsOf({ methods, passkey }: Challenge): Method[] {
	const known = methods.filter((method) => USE[method] && (method !== "passkey" || passkey));
	const isFirst = (method: Method) => method === "passkey" && isSupported();

	return known.toSorted((one, other) => Number(isFirst(other)) - Number(isFirst(one)));
}

/* Answers a challenge by one of its methods. */
export function ProofForm(props: ProofFormProps) {
	const { challenge } = props;
	const [isSent, setSent] = useState(challenge.sent);
	const methods = methodsOf(challenge);
	const [chosen, setMethod] = useState<Method | undefined>();
	const method = chosen && methods.includes(chosen) ? chosen : methods[0];

	if (!method) return <p className="block">This page cannot ask for your second factor. Please load it again.</p>;
	return (
		<>
			{method === "passkey" ? (
				challenge.passkey && <Passkey {...props} options={challenge.passkey} />
			) : method === "mtan" && !isSent ? (
				<Sending {...props} onSent={() => setSent(true)} />
			) : (
				<Typed key={method} {...props} method={method} />
			)}
			{method === "mtan" && isSent && (
				<p className="aside">
					<button type="button" className="as-link" onClick={() => setSent(false)}>
						Send another code
					</button>
				</p>
			)}
			{methods
				.filter((other) => other !== method)
				.map((other) => (
					<p key={other} className="aside">
						<button type="button" className="as-link" onClick={() => setMethod(other)}>
							{USE[other]}
						</button>
					</p>
				))}
		</>
	);
}
