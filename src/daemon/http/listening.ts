/** A service that has an HTTP port of its own. */
export interface Listening {
  readonly service: string;
  /** `127.0.0.1:10000`. */
  readonly address: string;
}
