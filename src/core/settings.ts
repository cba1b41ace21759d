/** One setting of the daemon: flag over environment over file (`daemon.json` in the home) over default. */
export interface Setting {
  readonly name: string;
  readonly env: string;
  readonly value: string;
  readonly doc: string;
  readonly fallback?: string;
}

/** The table that flags, environment, file and the help of `broker daemon` come from. */
export const SETTINGS = [
  {
    name: 'home',
    env: 'BROKER_HOME',
    value: 'DIR',
    doc: 'vault, audit log and CA ($XDG_DATA_HOME/broker, else ~/.local/share/broker)',
  },
  { name: 'socket', env: 'BROKER_SOCKET', value: 'PATH', doc: 'unix socket of the control API (HOME/broker.sock)' },
  {
    name: 'socket-group',
    env: 'BROKER_SOCKET_GROUP',
    value: 'GROUP',
    doc: 'group, by name or number, that may use the socket',
  },
  {
    name: 'socket-mode',
    env: 'BROKER_SOCKET_MODE',
    value: 'MODE',
    doc: 'octal mode of the socket (0600, or 0660 with a group)',
  },
  {
    name: 'grpc',
    env: 'BROKER_GRPC',
    value: 'ADDR',
    doc: 'TCP address of the control API; "off" for none',
    fallback: '127.0.0.1:8392',
  },
  {
    name: 'http',
    env: 'BROKER_HTTP',
    value: 'ADDR',
    doc: 'address of the HTTP side (proxies, /rpc, /metrics), or unix:PATH; "off" for none',
    fallback: '127.0.0.1:8390',
  },
  {
    name: 'http-thread',
    env: 'BROKER_HTTP_THREAD',
    value: 'WHEN',
    doc: 'a second thread for connections to HTTP services: "auto" (under load, on an idle processor), "on" or "off"',
    fallback: 'auto',
  },
  {
    name: 'open-metrics',
    env: 'BROKER_OPEN_METRICS',
    value: 'ON',
    doc: '"on": /metrics needs no token, and shows the names of all services',
    fallback: 'off',
  },
  {
    name: 'tls-cert',
    env: 'BROKER_TLS_CERT',
    value: 'FILE',
    doc: 'certificate for --grpc, and for --http beyond loopback; needed beyond loopback',
  },
  { name: 'tls-key', env: 'BROKER_TLS_KEY', value: 'FILE', doc: 'its private key' },
  { name: 'client-ca', env: 'BROKER_CLIENT_CA', value: 'FILE', doc: 'demand client certificates of this CA' },
  {
    name: 'password-file',
    env: 'BROKER_PASSWORD_FILE',
    value: 'FILE',
    doc: 'unlock at start with the password in this file',
  },
  {
    name: 'key-file',
    env: 'BROKER_KEY_FILE',
    value: 'FILE',
    doc: 'unlock at start with this key file (see broker slot)',
  },
  {
    name: 'session-dir',
    env: 'BROKER_SESSION_DIR',
    value: 'DIR',
    doc: 'folder for the unix sockets of sessions (HOME/sessions)',
  },
  {
    name: 'log-level',
    env: 'BROKER_LOG_LEVEL',
    value: 'LEVEL',
    doc: 'debug, info, warn, error or silent',
    fallback: 'info',
  },
] as const satisfies readonly Setting[];
