import { useSyncExternalStore } from "react";
import { type Session, sessions } from "./session";

export function useSession(): Session | null {
	return useSyncExternalStore(sessions.subscribe, sessions.current);
}
