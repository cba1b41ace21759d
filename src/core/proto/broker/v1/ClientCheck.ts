// Original file: proto/broker/v1/sessions.proto

export const ClientCheck = {
  CLIENT_CHECK_UNSPECIFIED: 'CLIENT_CHECK_UNSPECIFIED',
  CLIENT_CHECK_PEER: 'CLIENT_CHECK_PEER',
  CLIENT_CHECK_TICKET: 'CLIENT_CHECK_TICKET',
} as const;

export type ClientCheck =
  | 'CLIENT_CHECK_UNSPECIFIED'
  | 0
  | 'CLIENT_CHECK_PEER'
  | 1
  | 'CLIENT_CHECK_TICKET'
  | 2

export type ClientCheck__Output = typeof ClientCheck[keyof typeof ClientCheck]
