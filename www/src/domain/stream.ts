/** The id of the aggregate's instance in a stream's name: what stands after the first hyphen. */
export const idOf = (stream: string): string => stream.slice(stream.indexOf('-') + 1)

/** The name of the aggregate in a stream's name. */
export const aggregateOf = (stream: string): string => stream.slice(0, stream.indexOf('-'))

/** The presentation that an enrolment's id begins with: `AAA-2013J` of `AAA-2013J-11391`. */
export const presentationOf = (enrolmentId: string): string => enrolmentId.slice(0, enrolmentId.lastIndexOf('-'))
