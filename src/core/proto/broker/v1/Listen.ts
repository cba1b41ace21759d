// Original file: proto/broker/v1/sessions.proto

export const Listen = {
  LISTEN_UNSPECIFIED: 'LISTEN_UNSPECIFIED',
  LISTEN_TCP: 'LISTEN_TCP',
  LISTEN_UNIX: 'LISTEN_UNIX',
  LISTEN_STREAM: 'LISTEN_STREAM',
} as const;

export type Listen =
  | 'LISTEN_UNSPECIFIED'
  | 0
  | 'LISTEN_TCP'
  | 1
  | 'LISTEN_UNIX'
  | 2
  | 'LISTEN_STREAM'
  | 3

export type Listen__Output = typeof Listen[keyof typeof Listen]
