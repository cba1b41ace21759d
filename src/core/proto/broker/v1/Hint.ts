// Original file: proto/broker/v1/sessions.proto


export interface _broker_v1_Hint_File {
  'env'?: (string);
  'content'?: (string);
}

export interface _broker_v1_Hint_File__Output {
  'env': (string);
  'content': (string);
}

export interface Hint {
  'url'?: (string);
  'env'?: ({[key: string]: string});
  'unset'?: (string)[];
  'example'?: (string);
  'files'?: (_broker_v1_Hint_File)[];
}

export interface Hint__Output {
  'url': (string);
  'env': ({[key: string]: string});
  'unset': (string)[];
  'example': (string);
  'files': (_broker_v1_Hint_File__Output)[];
}
