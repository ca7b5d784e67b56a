import { type InputHTMLAttributes, type ReactNode, useEffect, useRef, useState } from "react";
import { answerChallenge, sendCode } from "../api/calls";
import { Failure } from "../api/failure";
import type { Challenge, Method } from "../api/generated";
import { Field } from "./field";
import { useForm } from "./use-form";

interface Words {
	label: string;
	hint: string;
	use: string; // the button that changes to this method
	wrong: string;
	input: InputHTMLAttributes<HTMLInputElement>;
}

/* A method that is not here is one of a newer server, and is not offered. */
const WORDS: Partial<Record<Method, Words>> = {
	totp: {
		label: "Code",
		hint: "Enter the six digits that your authenticator app shows.",
		use: "Use your authenticator app",
		wrong: "is wrong, or was used before",
		input: { inputMode: "numeric", autoComplete: "one-time-code" },
	},
	mtan: {
		label: "Code",
		hint: "Enter the six digits of the newest message to your email address. They are good for five minutes.",
		use: "Use a code by email",
		wrong: "is wrong, is too old, or is not of the newest message",
		input: { inputMode: "numeric", autoComplete: "one-time-code" },
	},
	recovery: {
		label: "Recovery code",
		hint: "Enter one of the ten that you kept when you set up two-step login. Each can be used once.",
		use: "Use a recovery code",
		wrong: "is wrong, or was used before",
		input: { autoComplete: "off", autoCapitalize: "characters", spellCheck: false },
	},
	password: {
		label: "Your password",
		hint: "",
		use: "Use your password",
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

/* What the server wants to know, with the problem beside the field if the answer is wrong. */
async function answer({ challenge, onRight, onEnded }: ProofFormProps, method: Method, words: Words, proof: string) {
	try {
		onRight(await answerChallenge(challenge.challenge, method, method === "password" ? proof : proof.replace(/\s/g, "")));
	} catch (error) {
		if (error instanceof Failure && error.code === "challenge_ended") return onEnded();
		if (error instanceof Failure && error.code === "code_wrong")
			throw new Failure(error.httpStatus, error.code, error.message, { proof: words.wrong });
		throw error;
	}
}

function Proof({ method, words, ...props }: ProofFormProps & { method: Method; words: Words }) {
	const ref = useRef<HTMLFormElement>(null);
	const form = useForm({ proof: words.label }, ({ proof }) => answer(props, method, words, proof));
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

/* Asks for a code by message before there is a field for it: each message voids the code of the one before, so only the user sends one. */
function Sending({ challenge, onSent, onEnded, children }: ProofFormProps & { onSent: () => void }) {
	const ref = useRef<HTMLInputElement>(null);
	const form = useForm({}, async () => {
		try {
			await sendCode(challenge.challenge);
			onSent();
		} catch (error) {
			if (!(error instanceof Failure && error.code === "challenge_ended")) throw error;
			onEnded();
		}
	});

	useEffect(() => ref.current?.focus(), []);

	return (
		<form onSubmit={form.submit}>
			<p className="block">A message with a code is sent to your email address.</p>
			<div className="buttons">
				<input ref={ref} className="button is-primary" type="submit" value={form.isSending ? "Sending…" : "Send code"} />
				{children}
			</div>
		</form>
	);
}

/* Answers a challenge by one of its methods. */
export function ProofForm(props: ProofFormProps) {
	const [isSent, setSent] = useState(props.challenge.sent);
	const methods = props.challenge.methods.filter((method) => WORDS[method]);
	const [chosen, setMethod] = useState<Method | undefined>();
	const method = chosen && methods.includes(chosen) ? chosen : methods[0];
	const words = method && WORDS[method];

	if (!words) return <p className="block">This page cannot ask for your second factor. Please load it again.</p>;
	return (
		<>
			{method === "mtan" && !isSent ? (
				<Sending {...props} onSent={() => setSent(true)} />
			) : (
				<Proof key={method} {...props} method={method} words={words} />
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
							{WORDS[other]?.use}
						</button>
					</p>
				))}
		</>
	);
}
