import { QueryClient } from "@tanstack/react-query";
import { Failure } from "./api/failure";

const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 10_000;

/* A transient failure is retried until the call succeeds (parts/trouble.ts reports it meanwhile); a refusal by the server is final. */
export function createQueryClient(): QueryClient {
	return new QueryClient({
		defaultOptions: {
			queries: {
				staleTime: 5000,
				retry: (_count, error) => error instanceof Failure && error.isTransient,
				retryDelay: (count) => Math.min(FIRST_RETRY_MS * 2 ** count, LAST_RETRY_MS) * (0.75 + Math.random() / 2),
			},
			mutations: { networkMode: "always" },
		},
	});
}
